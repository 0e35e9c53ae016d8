#ifndef GRAPHFEED_STORAGE_TRANSFORMER_H_
#define GRAPHFEED_STORAGE_TRANSFORMER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A block with what the transforms need to know of it, and the transforms themselves.
class Transformer {
 public:
  explicit Transformer(GraphBlock& block) : block_(block) {}

  // Checks the block and decides the levels.
  absl::Status Init();

  absl::Status Apply(const NormalizeFeatures& transform);
  absl::Status Apply(const AddSelfLoops& transform);
  absl::Status Apply(const ToUndirected& transform);
  absl::Status Apply(const RemoveIsolatedNodes& transform);

 private:
  struct Column {
    ColumnBlock* block = nullptr;
    Level level = Level::kGraph;
    int64_t row_elements = 1;
    int64_t row_bytes = 0;
  };
  struct Edge {
    int64_t source = 0;
    int64_t target = 0;
    int64_t position = 0;  // among the rows before the transform
    friend bool operator<(const Edge& a, const Edge& b) {
      return a.source != b.source ? a.source < b.source : a.target < b.target;
    }
  };

  absl::Status InitColumn(ColumnBlock& block);
  Level InferLevel(const ColumnBlock& column) const;
  // Index columns other than edge_index, by the name rule of the schema.
  static bool IsIndexColumn(const Column& column);
  static bool IsEdgeIndex(const Column& column) { return column.block->name == "edge_index"; }
  absl::Status RequireEdgeIndex(absl::string_view transform) const;
  absl::Status RequireNoStrings(absl::string_view transform, Level level) const;
  int64_t Rows(const Column& column, int64_t graph) const {
    return column.block->sizes.empty() ? 1 : column.block->sizes[graph];
  }
  absl::StatusOr<std::vector<Edge>> ReadEdges(int64_t graph, int64_t first) const;
  absl::Status AppendEndpoints(absl::string_view transform, int64_t graph, int64_t source,
                               int64_t target, std::string& rows) const;
  // Renumbers a graph's rows of an index column by `new_id` (-1: gone).
  absl::Status Renumber(const Column& column, int64_t graph, absl::Span<const int64_t> new_id,
                        char* rows, int64_t count) const;

  GraphBlock& block_;
  std::vector<Column> columns_;
  int edge_index_ = -1;  // in columns_
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_TRANSFORMER_H_
