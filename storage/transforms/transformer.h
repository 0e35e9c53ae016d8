#ifndef GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMER_H_
#define GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A block with what the transforms need to know of it, and the transforms themselves. `types` is a
// schema without columns that the transforms have been checked against (TransformedTypes).
class Transformer {
 public:
  Transformer(const Schema& types, GraphBlock& block) : types_(types), block_(block) {}

  // Checks the block and decides the levels.
  absl::Status Init();

  absl::Status Apply(const NormalizeFeatures& transform);
  absl::Status Apply(const AddSelfLoops& transform);
  absl::Status Apply(const ToUndirected& transform);
  absl::Status Apply(const RemoveIsolatedNodes& transform);
  absl::Status Apply(const InducedSubgraph& transform);

 private:
  // What is known of a column; the entry of block_.columns has the same index.
  struct Column {
    Level level = Level::kGraph;
    int type = 0;
    int64_t row_elements = 1;
    int64_t row_bytes = 0;
    int index_type = -1;  // node type that its values point into, edge_index left out
  };
  struct Edge {
    int64_t source = 0;
    int64_t target = 0;
    int64_t position = 0;  // among the rows before the transform
    friend bool operator<(const Edge& a, const Edge& b) {
      return a.source != b.source ? a.source < b.source : a.target < b.target;
    }
  };
  // By graph, the old ids of the nodes that remain, in their new order.
  using KeptNodes = std::vector<std::vector<int64_t>>;
  // By graph and old id, the new one, -1: gone. Empty: the type keeps all of its nodes.
  using NewIds = std::vector<std::vector<int64_t>>;

  absl::Status InitColumn(size_t c);
  absl::StatusOr<Level> InferLevel(size_t c) const;
  // "x", in a heterogeneous dataset "x of movie".
  std::string NameOf(size_t c) const;
  std::string NodesOf(int type) const;  // "nodes", "movie nodes"

  int64_t Rows(size_t c, int64_t graph) const {
    const std::vector<int64_t>& sizes = block_.columns[c].sizes;
    return sizes.empty() ? 1 : sizes[graph];
  }
  bool IsOf(size_t c, Level level, int type) const {
    return columns_[c].level == level && columns_[c].type == type;
  }
  bool IsEdgeIndex(size_t c) const {
    return columns_[c].level == Level::kEdge &&
           edge_index_[columns_[c].type] == static_cast<int>(c);
  }
  // Whether the edge type has ends to work on. INVALID_ARGUMENT if it has edges, but no ends.
  absl::StatusOr<bool> HasEnds(absl::string_view transform, int type) const;
  absl::Status RequireNoStrings(absl::string_view transform, int edge_type) const;
  absl::StatusOr<std::vector<Edge>> ReadEdges(int type, int64_t graph, int64_t first) const;
  absl::Status AppendEnds(absl::string_view transform, int type, int64_t graph, int64_t source,
                          int64_t target, std::string& rows) const;

  absl::Status Normalize(size_t c);
  absl::Status AddLoops(const AddSelfLoops& transform, int type);
  absl::Status Coalesce(int type);
  void AddReverse(int type);

  // Keeps these nodes and the edges between them; renumbers. By node type; nullopt: all. `gone`
  // says why a node is not there: "is isolated".
  absl::Status KeepNodes(absl::string_view transform, absl::string_view gone,
                         const std::vector<std::optional<KeptNodes>>& kept);
  absl::Status KeepEdges(absl::string_view transform, int type, const std::vector<NewIds>& new_ids);
  absl::Status Renumber(absl::string_view transform, absl::string_view gone, size_t c,
                        const NewIds& new_ids);
  // Keeps these rows of the column, in this order.
  void TakeRows(size_t c, absl::Span<const int64_t> rows);

  Schema types_;  // grows with reverse edge types
  GraphBlock& block_;
  std::vector<Column> columns_;
  std::vector<int> edge_index_;  // by edge type: its column or -1
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMER_H_
