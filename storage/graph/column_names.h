#ifndef GRAPHFEED_STORAGE_GRAPH_COLUMN_NAMES_H_
#define GRAPHFEED_STORAGE_GRAPH_COLUMN_NAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace graphfeed {

// What a column's name says about it, by PyG's rules and the habits of its users.

// Whether graphs are put together along the last axis (edge_index: [2, e]), and whether integers
// are ids of nodes that are shifted then: "index" in the name, or face.
bool NameSaysIndex(absl::string_view name);

// Whether what is shifted by its name must be ids of nodes: face, lists of several ids, and all of
// heterogeneous datasets. Other single values may be any: a graph's number, a residue's.
bool HoldsNodeIds(absl::string_view name, bool heterogeneous, bool single_values);

// Whether a column that fits nodes and edges alike is of edge level: "edge" in the name.
bool NameSaysEdge(absl::string_view name);

// Whether a single graph's nodes are counted by a column of this name.
bool NameCountsNodes(absl::string_view name);

// Names that mean the same wherever graphs are written down: x, pos, z and the like the nodes,
// edge_attr, edge_weight and the like the edges, *_mask one of them.
bool NameMeansNodes(absl::string_view name);
bool NameMeansEdges(absl::string_view name);

// How many rows an undeclared column has: in all graphs, or in one of them.
struct ColumnRows {
  absl::string_view name;
  bool collection = true;
  int64_t rows = 0;
  int64_t nodes = 0;
  int64_t edges = 0;
  bool fits_nodes = false;  // in every graph; likewise below
  bool fits_edges = false;
  bool one_each = false;  // one row in each graph
};

// What contradicts the name, or "". A mask may have one row a graph, and so may the y of a single
// graph, which else is that of its nodes or edges.
std::string NameContradiction(const ColumnRows& column);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_COLUMN_NAMES_H_
