#include "server/batching/columns.h"

#include <algorithm>

namespace graphfeed {
namespace {

bool Contains(const std::vector<std::string>& sorted, absl::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

bool IsSplitMask(const ColumnSchema& column) {
  return column.level == Level::kNode && column.dtype == DType::kBool &&
         (column.name == "train_mask" || column.name == "val_mask" || column.name == "test_mask");
}

// Seed edges and their labels, which PyG's RandomLinkSplit leaves in the graph, give way to those
// of the batch.
bool IsReplaced(const ResolvedSpec& spec, absl::string_view name) {
  if (!spec.sampling.has_value() || !spec.sampling->links.has_value()) return false;
  return name == "edge_label" || name == "edge_label_index" || name == "edge_label_time";
}

}  // namespace

bool IsBatched(const ColumnSchema& column, const ResolvedSpec& spec) {
  return column.dtype != DType::kString && !Contains(spec.exclude_keys, column.name) &&
         !IsReplaced(spec, column.name);
}

DType BatchDType(const ColumnSchema& column, const ResolvedSpec& spec) {
  if (!column.index_types.empty()) {
    return column.dtype == DType::kInt64 ? spec.index_dtype : column.dtype;
  }
  if (Contains(spec.narrow_columns, column.name)) return DType::kInt32;
  if (Contains(spec.float16_columns, column.name)) return DType::kFloat16;
  return column.dtype;
}

double PadValue(const ColumnSchema& column, const ResolvedOptions& options) {
  switch (column.level) {
    case Level::kNode:
      return IsSplitMask(column) ? 0 : options.node_pad_value;
    case Level::kEdge:
      return options.edge_pad_value;
    case Level::kGraph:
      return options.graph_pad_value;
  }
  return 0;
}

bool IsSampledTensorName(const ResolvedSpec& spec, absl::string_view name) {
  static constexpr absl::string_view kAlways[] = {"n_id", "e_id", "input_id", "batch_size"};
  static constexpr absl::string_view kLinks[] = {"edge_label_mask", "src_index", "dst_pos_index",
                                                 "dst_neg_index"};
  const auto contains = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (contains(kAlways) || (spec.sampling->disjoint && name == "tree") ||
      (!spec.sampling->input_time.empty() && name == "seed_time")) {
    return true;
  }
  return spec.sampling->links.has_value() && contains(kLinks);
}

double IdPadValue(DType dtype, double pad_value) {
  return CanHold(dtype, pad_value) ? pad_value : 0;
}

bool IsEdgeIndex(const ColumnSchema& column) {
  return column.level == Level::kEdge && column.name == "edge_index";
}

}  // namespace graphfeed
