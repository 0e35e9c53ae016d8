#ifndef GRAPHFEED_STORAGE_GRAPH_GRAPH_BLOCK_H_
#define GRAPHFEED_STORAGE_GRAPH_GRAPH_BLOCK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dtype.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Rows of one column on their way into a dataset.
struct ColumnBlock {
  std::string name;
  std::optional<Level> level;  // unset: inferred at commit (homogeneous datasets only)
  int type = 0;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> row_shape;
  bool concat_last = false;
  bool zero_dim = false;
  bool non_tensor = false;
  std::vector<int64_t> sizes;        // rows of each graph of the block; empty: one row each
  std::string rows;                  // little-endian, row by row
  std::vector<std::string> strings;  // instead of `rows` for DType::kString
};

// Collections: `num_graphs` whole graphs, concatenated. Single graph: num_graphs is 0, the size
// lists are empty, and each column block appends rows.
//
// A large graph of a collection can come in parts. All but the last `continue`: num_graphs is 0,
// the size lists are empty, and each column block has rows of that graph, their number as its only
// size. The last one has num_graphs 1, the graph's sizes, and the rest of its rows.
struct GraphBlock {
  int64_t num_graphs = 0;
  bool continues = false;
  std::vector<std::vector<int64_t>> num_nodes;  // [node type][graph of the block]
  std::vector<std::vector<int64_t>> num_edges;  // [edge type][graph of the block]
  std::vector<ColumnBlock> columns;
};

// Transforms that run at ingest, in order, graph by graph. They follow PyG's transforms of the
// same names, except that AddSelfLoops adds a loop only where none is, and HeteroData.subgraph. In
// heterogeneous datasets NormalizeFeatures works on the columns of every store, AddSelfLoops on the
// edge types within a node type, ToUndirected adds an edge type "rev_<relation>" for each that
// joins two node types, and RemoveIsolatedNodes asks for edges of any type.
struct NormalizeFeatures {
  std::vector<std::string> columns = {"x"};
};
struct AddSelfLoops {
  double fill_value = 1;  // of every edge column but edge_index
};
struct ToUndirected {};
struct RemoveIsolatedNodes {};
// Which nodes of a type: the first ones, or these in this order.
struct NodeSubset {
  std::optional<int64_t> leading;
  std::vector<int64_t> ids;
};
// Some nodes of a single graph and the edges between them. The nodes are renumbered.
struct InducedSubgraph {
  std::map<std::string, NodeSubset> nodes;  // by node type, "" for the only one; others stay whole
};
using Transform = std::variant<NormalizeFeatures, AddSelfLoops, ToUndirected, RemoveIsolatedNodes,
                               InducedSubgraph>;

// As recorded in the manifest: "add_self_loops(fill_value=1)", "subgraph(movie=:1000;actor=3,1)".
// Of a long list of ids only the first ones and the number: "subgraph(movie=0,1,5,...:978 ids)".
std::string TransformName(const Transform& transform);

// What a copy of a published version shares with it beside its rows.
struct CopiedVersion {
  int64_t version = 0;  // the copy's number; 0: the next one
  Fingerprint fingerprint{};
  std::vector<std::string> transforms = {};  // as recorded: they are in the rows
};

// What an ingest declares before its first row.
struct IngestSpec {
  std::string name;  // of the dataset: [A-Za-z0-9_.-]{1,128}, starting with a letter or digit
  bool collection = true;
  bool heterogeneous = false;
  std::vector<std::string> node_types = {};  // empty when homogeneous
  std::vector<EdgeType> edge_types = {};     // empty when homogeneous
  std::map<std::string, Level> kinds = {};   // declared levels of homogeneous columns
  std::vector<Transform> transforms = {};
  std::vector<int64_t> num_nodes = {};  // single graph: its size by node type
  std::vector<int64_t> num_edges = {};  // single graph: by edge type
  // The new version is a copy of one of another server: transforms are refused, and so is the
  // commit where the rows have another fingerprint or the number is in use here.
  std::optional<CopiedVersion> copy_of = {};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_GRAPH_BLOCK_H_
