#include "server/batching/resolve/columns.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/batching/columns.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMinInt32 = std::numeric_limits<int32_t>::min();
constexpr double kFloat16Overflow = 65520;  // the least magnitude that rounds to infinity

// What divides the graph into clusters is no part of their batches.
std::vector<std::string> ExcludedKeys(const BatchSpec& request) {
  std::vector<std::string> keys = request.exclude_keys;
  if (request.strategy == Strategy::kCluster) keys.push_back(request.sampling->partition);
  return keys;
}

// Sorted and unique. Every name must be a column's.
absl::StatusOr<std::vector<std::string>> ResolveNames(absl::string_view field,
                                                      const std::vector<std::string>& names,
                                                      const Schema& schema) {
  for (const std::string& name : names) {
    const bool exists = std::any_of(schema.columns.begin(), schema.columns.end(),
                                    [&](const ColumnSchema& c) { return c.name == name; });
    if (!exists) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " names \"", name, "\", which is no column of the dataset"));
    }
  }
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

bool Contains(const std::vector<std::string>& sorted, absl::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

// follow_batch adds k_batch and k_ptr to the store of k; nothing there may have those names.
absl::Status CheckFollowBatch(const ResolvedSpec& spec, const Schema& schema) {
  for (const std::string& key : spec.follow_batch) {
    if (Contains(spec.exclude_keys, key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("follow_batch names \"", key, "\", which exclude_keys excludes"));
    }
    for (const ColumnSchema& column : schema.columns) {
      if (column.name != key) continue;
      if (column.dtype == DType::kString) {
        return absl::InvalidArgumentError(absl::StrCat(
            "follow_batch names \"", key, "\", which holds strings and is not in batches"));
      }
      const std::string store = schema.StoreName(column.level, column.type);
      for (const ColumnSchema& other : schema.columns) {
        if (schema.StoreName(other.level, other.type) == store && IsBatched(other, spec) &&
            (other.name == key + "_batch" || other.name == key + "_ptr")) {
          return absl::InvalidArgumentError(absl::StrCat("follow_batch of \"", key,
                                                         "\" would add \"", other.name,
                                                         "\", which is a column of the dataset"));
        }
      }
    }
  }
  return absl::OkStatus();
}

// Which columns have rows of their own number in each graph, and what is declared for them.
absl::Status ResolveRows(const Schema& schema, ResolvedSpec& spec) {
  std::map<std::string, int> found;
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    const ColumnSchema& column = schema.columns[c];
    if (column.varying() && IsBatched(column, spec)) found[column.name] = static_cast<int>(c);
  }
  for (const auto& [name, column] : found) {
    spec.row_columns.push_back(column);
    if (!spec.fixed_size() || spec.options.num_rows.contains(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("column \"", name, "\" has another number of rows in every graph, so that ",
                     "batches of a fixed size need to know how many rows they have of it: declare ",
                     "num_rows={\"", name, "\": ...} in the options, or leave the column out, ",
                     "exclude_keys=[\"", name, "\"]"));
  }
  std::erase_if(spec.options.num_rows,
                [&](const auto& rows) { return !found.contains(rows.first); });
  return absl::OkStatus();
}

// A bound on what any plain batch holds of what graphs have from `ptr` to `ptr`.
int64_t LargestPlainBatch(const ResolvedSpec& spec, const GraphOffsets& offsets,
                          absl::Span<const int64_t> ptr) {
  // The sizes of a batch's graphs, the largest ones there are.
  int64_t largest = 0;
  for (int64_t g = 0; g < offsets.num_graphs; ++g) largest = std::max(largest, ptr[g + 1] - ptr[g]);
  const int64_t num_graphs = std::min(spec.batch_size, spec.selection.size(offsets.num_graphs));
  const __int128 bound = static_cast<__int128>(largest) * num_graphs;
  const bool distinct = spec.selection.kind != Selection::Kind::kIds;
  const int64_t total = ptr.empty() ? 0 : ptr[offsets.num_graphs];
  if (distinct && bound > total) return total;
  return bound > std::numeric_limits<int64_t>::max() ? std::numeric_limits<int64_t>::max()
                                                     : static_cast<int64_t>(bound);
}

// A bound on the nodes (edges) of a type that any batch holds.
int64_t LargestBatch(const ResolvedSpec& spec, const GraphOffsets& offsets, Level level, int type) {
  if (spec.fixed_size()) {
    return level == Level::kNode ? spec.options.num_nodes[type] : spec.options.num_edges[type];
  }
  return LargestPlainBatch(spec, offsets,
                           level == Level::kNode ? offsets.node_ptr[type] : offsets.edge_ptr[type]);
}

// n_id, e_id and input_id go as far as the graph.
absl::Status CheckSampledIndexDType(const DatasetInfo& dataset, int64_t num_items) {
  const auto check = [](absl::string_view what, int64_t count) {
    if (count <= kMaxInt32) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("index_dtype is int32, but the graph has ",
                                                   count, " ", what, "; the limit is ", kMaxInt32));
  };
  for (const int64_t count : dataset.num_nodes) GF_RETURN_IF_ERROR(check("nodes", count));
  for (const int64_t count : dataset.num_edges) GF_RETURN_IF_ERROR(check("edges", count));
  return check("seeds", num_items);
}

// batch, ptr and what follow_batch adds count up to the sizes of a batch.
absl::Status CheckIndexDType(const ResolvedSpec& spec, const DatasetInfo& dataset,
                             const GraphOffsets& offsets) {
  const Schema& schema = dataset.schema;
  if (spec.index_dtype != DType::kInt32) return absl::OkStatus();
  if (spec.sampling.has_value()) return CheckSampledIndexDType(dataset, offsets.num_graphs);
  const auto check = [](absl::string_view what, int64_t count) {
    if (count <= kMaxInt32) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("index_dtype is int32, but a batch may have ",
                                                   count, " ", what, "; the limit is ", kMaxInt32));
  };
  GF_RETURN_IF_ERROR(check("graphs", spec.batch_size));
  for (size_t t = 0; t < schema.node_types.size(); ++t) {
    GF_RETURN_IF_ERROR(check(absl::StrCat("nodes of type ", schema.node_types[t]),
                             LargestBatch(spec, offsets, Level::kNode, static_cast<int>(t))));
  }
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    const ColumnSchema& column = schema.columns[c];
    if (!Contains(spec.follow_batch, column.name)) continue;
    int64_t rows = 0;
    if (column.level != Level::kGraph) {
      rows = LargestBatch(spec, offsets, column.level, column.type);
    } else if (column.varying()) {
      rows = spec.fixed_size() ? spec.options.num_rows.at(column.name)
                               : LargestPlainBatch(spec, offsets, offsets.row_ptr[c]);
    } else if (__builtin_mul_overflow(spec.batch_size, column.rows_per_graph, &rows)) {
      rows = std::numeric_limits<int64_t>::max();
    }
    GF_RETURN_IF_ERROR(check(absl::StrCat("rows of ", column.name), rows));
  }
  return absl::OkStatus();
}

// Values that a narrower dtype must hold: the column's own, and its shifts when it is an index.
absl::Status CheckNarrowing(const ResolvedSpec& spec, const ColumnSchema& column,
                            const ValueRange& values, const GraphOffsets& offsets) {
  const DType dtype = BatchDType(column, spec);
  if (dtype == DType::kInt32 && std::holds_alternative<IntRange>(values)) {
    const auto [min, max] = std::get<IntRange>(values);
    int64_t shift = 0;
    for (const int type : spec.sampling.has_value() ? std::vector<int>() : column.index_types) {
      shift = std::max(shift, LargestBatch(spec, offsets, Level::kNode, type));
    }
    if (min < kMinInt32 || max > kMaxInt32 - shift) {
      return absl::InvalidArgumentError(absl::StrCat(
          "column \"", column.name, "\" holds values from ", min, " to ", max,
          shift > 0 ? absl::StrCat(", shifted by up to ", shift, " nodes in a batch") : "",
          "; they do not fit int32"));
    }
  }
  if (dtype == DType::kFloat16 && column.dtype != DType::kFloat16 &&
      std::holds_alternative<FloatRange>(values)) {
    const auto [min, max] = std::get<FloatRange>(values);
    if (std::abs(min) >= kFloat16Overflow || std::abs(max) >= kFloat16Overflow) {
      return absl::InvalidArgumentError(absl::StrCat("float16_columns names \"", column.name,
                                                     "\", which holds values from ", min, " to ",
                                                     max, "; float16 ends at 65504"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPadValue(const ResolvedSpec& spec, const ColumnSchema& column) {
  if (!spec.fixed_size() || IsEdgeIndex(column)) return absl::OkStatus();
  const DType dtype = BatchDType(column, spec);
  double value = PadValue(column, spec.options);
  std::string field = absl::StrCat(LevelName(column.level), "_pad_value");
  if (column.non_tensor) {
    const auto it = spec.options.pad_graph_defaults.find(column.name);
    if (it == spec.options.pad_graph_defaults.end()) return absl::OkStatus();
    value = it->second;
    field = absl::StrCat("pad_graph_defaults[", column.name, "]");
  }
  if (CanHold(dtype, value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", which column \"",
                                                 column.name, "\" of ", DTypeName(dtype),
                                                 " cannot hold"));
}

// Sampled batches have tensors of their own, and renumber no column but edge_index.
absl::Status CheckSampledColumn(const ResolvedSpec& spec, const DatasetInfo& dataset,
                                const ColumnSchema& column) {
  // Single values may be anything, and come as they are stored.
  const bool ids =
      !column.index_types.empty() &&
      HoldsNodeIds(column.name, dataset.schema.heterogeneous, column.row_shape.empty());
  if (ids && !IsEdgeIndex(column)) {
    return absl::InvalidArgumentError(
        absl::StrCat("column \"", column.name,
                     "\" points to nodes, of which a sampled batch holds some only; exclude it"));
  }
  if (!IsSampledTensorName(spec, column.name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("column \"", column.name,
                   "\" has the name of a tensor that sampled batches add; exclude it"));
}

absl::Status CheckColumns(const ResolvedSpec& spec, const DatasetInfo& dataset,
                          const GraphOffsets& offsets) {
  const bool trims_nodes =
      spec.over_size == OverSize::kTrimNodes || spec.over_size == OverSize::kTrimNodesAndEdges;
  for (size_t c = 0; c < dataset.schema.columns.size(); ++c) {
    const ColumnSchema& column = dataset.schema.columns[c];
    const bool narrow = Contains(spec.narrow_columns, column.name);
    const bool half = Contains(spec.float16_columns, column.name);
    if (narrow && !column.index_types.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("narrow_columns names \"", column.name,
                                                     "\", an index column: index_dtype sets "
                                                     "its dtype"));
    }
    if (narrow && column.dtype != DType::kInt64) {
      return absl::InvalidArgumentError(absl::StrCat("narrow_columns names \"", column.name,
                                                     "\", which is ", DTypeName(column.dtype),
                                                     ", not int64"));
    }
    if (half && !IsFloat(column.dtype)) {
      return absl::InvalidArgumentError(absl::StrCat("float16_columns names \"", column.name,
                                                     "\", which is ", DTypeName(column.dtype),
                                                     ", not a float type"));
    }
    if (!IsBatched(column, spec)) continue;
    if (spec.sampling.has_value()) {
      GF_RETURN_IF_ERROR(CheckSampledColumn(spec, dataset, column));
      if (IsEdgeIndex(column)) continue;
    } else if (trims_nodes && !column.index_types.empty() && !IsEdgeIndex(column)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "over_size trims nodes, but column \"", column.name,
          "\" points to nodes and would be left without some of them; exclude it or trim edges "
          "only"));
    }
    const ValueRange values = c < dataset.columns.size() ? dataset.columns[c].values : ValueRange();
    GF_RETURN_IF_ERROR(CheckNarrowing(spec, column, values, offsets));
    GF_RETURN_IF_ERROR(CheckPadValue(spec, column));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ResolveColumns(const BatchSpec& request, const DatasetInfo& dataset,
                            const GraphOffsets& offsets, ResolvedSpec& spec) {
  const Schema& schema = dataset.schema;
  GF_ASSIGN_OR_RETURN(spec.exclude_keys,
                      ResolveNames("exclude_keys", ExcludedKeys(request), schema));
  GF_ASSIGN_OR_RETURN(spec.follow_batch,
                      ResolveNames("follow_batch", request.follow_batch, schema));
  GF_ASSIGN_OR_RETURN(spec.narrow_columns,
                      ResolveNames("narrow_columns", request.narrow_columns, schema));
  GF_ASSIGN_OR_RETURN(spec.float16_columns,
                      ResolveNames("float16_columns", request.float16_columns, schema));
  GF_RETURN_IF_ERROR(CheckFollowBatch(spec, schema));
  GF_RETURN_IF_ERROR(ResolveRows(schema, spec));
  GF_RETURN_IF_ERROR(CheckIndexDType(spec, dataset, offsets));
  return CheckColumns(spec, dataset, offsets);
}

}  // namespace graphfeed
