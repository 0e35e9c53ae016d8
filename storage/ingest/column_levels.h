#ifndef GRAPHFEED_STORAGE_INGEST_COLUMN_LEVELS_H_
#define GRAPHFEED_STORAGE_INGEST_COLUMN_LEVELS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/dtype.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// How many rows a column has in a graph, beside the graph's size.
struct RowCount {
  int64_t graph = 0;
  int64_t rows = 0;
  int64_t nodes = 0;
  int64_t edges = 0;
};

// Gathers, graph by graph, what the row counts of a column say about its level: for each level the
// first graph that excludes it. Nodes and edges are those of the column's types.
class LevelEvidence {
 public:
  void Add(const RowCount& count);

  const RowCount& first() const { return *first_; }  // requires that one was added
  const std::optional<RowCount>& against_node() const { return against_node_; }
  const std::optional<RowCount>& against_edge() const { return against_edge_; }
  // The first graph with other rows than the first one's.
  const std::optional<RowCount>& against_graph() const { return against_graph_; }
  // How many graphs were added, and how many of them have rows, as many as nodes (as edges).
  int64_t num_graphs() const { return num_graphs_; }
  int64_t num_like_nodes() const { return num_like_nodes_; }
  int64_t num_like_edges() const { return num_like_edges_; }
  bool every_graph_has_one_node() const { return one_node_; }
  bool every_graph_has_one_edge() const { return one_edge_; }

 private:
  std::optional<RowCount> first_;
  std::optional<RowCount> against_node_;
  std::optional<RowCount> against_edge_;
  std::optional<RowCount> against_graph_;
  int64_t num_graphs_ = 0;
  int64_t num_like_nodes_ = 0;
  int64_t num_like_edges_ = 0;
  bool one_node_ = true;
  bool one_edge_ = true;
};

// A column whose level is to be decided.
struct LevelQuestion {
  absl::string_view name;
  bool collection = true;
  bool scalar = false;            // zero_dim or non_tensor: always graph level
  bool strings = false;           // whose number cannot vary at graph level
  std::optional<Level> declared;  // wins over everything, if the rows allow it
};

// Whether graphs may have different numbers of rows in the column, if it is of graph level. Of
// undeclared ones the name must allow it.
bool MayVary(const LevelQuestion& question);

// Whether the rows so far allow the level. INVALID_ARGUMENT names the column and the graph.
absl::Status CheckLevel(const LevelQuestion& question, Level level, const LevelEvidence& evidence);

// Whether the rows so far allow what the column's name means (NameContradiction), unless its level
// is declared. INVALID_ARGUMENT names the column, a graph, and how to declare it.
absl::Status CheckName(const LevelQuestion& question, const LevelEvidence& evidence);

// The level, by PyG's rules over the whole dataset.
//
// Scalars are graph level. A column whose rows equal the node counts of all graphs can be node
// level, one whose rows equal the edge counts edge level, every other one graph level: with equally
// many rows in all graphs, or where MayVary with any. But one that fits the nodes or the edges of
// half of the graphs is taken for theirs, with a mistake. Where nodes and edges both fit, a name
// with "edge" decides for edges. Sizes that differ from 1 speak for nodes or edges rather than the
// graph; where all are 1 only a telling name does: x, pos, z, batch or "node" in it; "edge" in it;
// y for the graph. A single graph's column is node level, edge level, or else graph level. Names
// that mean nodes or edges are never anything else (CheckName).
//
// INVALID_ARGUMENT for what stays ambiguous or fits nothing; it says how to declare the column.
absl::StatusOr<Level> DecideLevel(const LevelQuestion& question, const LevelEvidence& evidence);

// The node types that the rows of a column point into (ColumnSchema::index_types): the endpoints
// for edge_index, and for what PyG shifts by its name ("index" in it, or face) the only node type,
// or in a heterogeneous dataset the node's own one. Empty for all others.
std::vector<int> IndexTypes(const Schema& schema, Level level, int type, absl::string_view name,
                            DType dtype);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_COLUMN_LEVELS_H_
