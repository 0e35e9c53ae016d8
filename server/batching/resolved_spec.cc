#include "server/batching/resolved_spec.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/columns.h"
#include "server/batching/options.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxMicroBatches = 4096;
constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMinInt32 = std::numeric_limits<int32_t>::min();
constexpr int64_t kMaxNegatives = 1 << 24;  // of a batch
constexpr double kFloat16Overflow = 65520;  // the least magnitude that rounds to infinity

absl::Status CheckScalars(const BatchSpec& request) {
  if (request.algorithm_version != 0 && request.algorithm_version != kAlgorithmVersion) {
    return absl::InvalidArgumentError(absl::StrCat("algorithm_version is ",
                                                   request.algorithm_version, "; this server has ",
                                                   kAlgorithmVersion));
  }
  if (!Exists(request.strategy)) {
    return absl::InvalidArgumentError(
        absl::StrCat("strategy ", static_cast<int>(request.strategy), " does not exist"));
  }
  if (!Exists(request.over_size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("over_size ", static_cast<int>(request.over_size), " does not exist"));
  }
  if (!Exists(request.incomplete_step)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "incomplete_step ", static_cast<int>(request.incomplete_step), " does not exist"));
  }
  if (request.micro_batches < 1 || request.micro_batches > kMaxMicroBatches) {
    return absl::InvalidArgumentError(absl::StrCat("micro_batches is ", request.micro_batches,
                                                   "; it is 1 to ", kMaxMicroBatches));
  }
  if (request.index_dtype != DType::kInt64 && request.index_dtype != DType::kInt32) {
    return absl::InvalidArgumentError(
        absl::StrCat("index_dtype is ", DTypeName(request.index_dtype), "; int64 or int32"));
  }
  const bool sampled = Samples(request.strategy);
  if (request.ragged && !sampled && Pads(request.strategy)) {
    return absl::InvalidArgumentError("ragged is set, but PAD_TO_MAX and STREAM_PACK pad");
  }
  if (request.sampling.has_value() && !sampled) {
    return absl::InvalidArgumentError(
        "sampling is set, but only NEIGHBOR and CLUSTER sample batches");
  }
  if (!Pads(request.strategy) || request.ragged) {
    if (request.micro_batches != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "micro_batches is ", request.micro_batches,
          "; plain batches have no fixed size and cannot be combined, so it must be 1"));
    }
    if (request.options.has_value()) {
      return absl::InvalidArgumentError("options are set, but plain batches are not padded");
    }
    if (request.over_size != OverSize::kError) {
      return absl::InvalidArgumentError("over_size is set, but plain batches have no limits");
    }
  }
  return absl::OkStatus();
}

// Equal selections become equal values: a list that counts up by one is a range, the whole range
// is all graphs.
absl::StatusOr<Selection> ResolveSelection(const BatchSpec& request, int64_t num_graphs) {
  GF_RETURN_IF_ERROR(CheckSelection(request.selection, num_graphs));
  Selection selection;
  selection.kind = request.selection.kind;
  switch (selection.kind) {
    case Selection::Kind::kAll:
      break;
    case Selection::Kind::kRange:
      selection.start = request.selection.start;
      selection.stop = request.selection.stop;
      break;
    case Selection::Kind::kIds: {
      const std::vector<int64_t>& ids = request.selection.ids;
      const bool counts_up = std::adjacent_find(ids.begin(), ids.end(), [](int64_t a, int64_t b) {
                               return b != a + 1;
                             }) == ids.end();
      if (counts_up) {
        selection.kind = Selection::Kind::kRange;
        selection.start = ids.front();
        selection.stop = ids.back() + 1;
      } else {
        selection.ids = ids;
      }
      break;
    }
  }
  if (selection.kind == Selection::Kind::kRange && selection.start == 0 &&
      selection.stop == num_graphs) {
    selection.kind = Selection::Kind::kAll;
    selection.stop = 0;
  }
  if (request.selection.batch_sizes.empty()) return selection;

  if (Packs(request.strategy)) {
    return absl::InvalidArgumentError(
        "selection.batch_sizes is set, but STREAM_PACK cuts the batches itself");
  }
  if (request.shuffle) {
    return absl::InvalidArgumentError("selection.batch_sizes is set, which excludes shuffle");
  }
  int64_t left = selection.size(num_graphs);
  for (size_t i = 0; i < request.selection.batch_sizes.size(); ++i) {
    const int64_t size = request.selection.batch_sizes[i];
    if (size < 1 || size > left) {
      return absl::InvalidArgumentError(absl::StrCat("selection.batch_sizes[", i, "] is ", size,
                                                     "; ", left, " graphs are left to cut"));
    }
    left -= size;
  }
  if (left != 0) {
    return absl::InvalidArgumentError(absl::StrCat("selection.batch_sizes leave ", left, " of ",
                                                   selection.size(num_graphs), " graphs over"));
  }
  selection.batch_sizes = request.selection.batch_sizes;
  return selection;
}

// Places in a sampled batch are 32 bits wide.
absl::Status CheckSampledBatchSize(const ResolvedSpec& spec) {
  if (spec.batch_size > kMaxInt32) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch_size is ", spec.batch_size, "; a sampled batch has at most ", kMaxInt32, " seeds"));
  }
  const std::optional<ResolvedLinks>& links = spec.sampling->links;
  if (!links.has_value() || links->negative_mode == NegativeMode::kNone) return absl::OkStatus();
  const double negatives = std::ceil(links->negative_amount) * static_cast<double>(spec.batch_size);
  if (negatives <= static_cast<double>(kMaxNegatives)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "sampling.links.negative_amount is ", links->negative_amount, " for batches of ",
      spec.batch_size, " seed edges; a batch has at most ", kMaxNegatives, " negatives"));
}

// A sampled batch is one graph.
absl::Status ResolveSampledSizes(const BatchSpec& request, const Schema& schema,
                                 ResolvedSpec& spec) {
  if (!request.options.has_value()) return absl::InvalidArgumentError("options are not set");
  GF_ASSIGN_OR_RETURN(spec.options, ResolveOptions(*request.options, schema));
  if (spec.options.num_graphs == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("num_graphs is ", spec.options.num_graphs,
                   "; a sampled batch is one graph, and one is kept for padding: 2"));
}

absl::Status ResolveSizes(const BatchSpec& request, const Schema& schema,
                          const GraphOffsets& offsets, ResolvedSpec& spec) {
  if (spec.ragged || spec.sampling.has_value()) {
    if (!spec.selection.batch_sizes.empty()) {
      spec.batch_size =
          *std::max_element(spec.selection.batch_sizes.begin(), spec.selection.batch_sizes.end());
    } else if (request.batch_size < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch_size is ", request.batch_size, "; it is at least 1"));
    } else {
      spec.batch_size = request.batch_size;
    }
    if (!spec.sampling.has_value()) return absl::OkStatus();
    GF_RETURN_IF_ERROR(CheckSampledBatchSize(spec));
    return spec.ragged ? absl::OkStatus() : ResolveSampledSizes(request, schema, spec);
  }
  if (request.options.has_value()) {
    GF_ASSIGN_OR_RETURN(spec.options, ResolveOptions(*request.options, schema));
    if (request.batch_size != 0 && request.batch_size != spec.options.num_graphs) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch_size is ", request.batch_size, ", but options.num_graphs is ",
                       spec.options.num_graphs, "; leave one out or make them equal"));
    }
  } else {
    GF_ASSIGN_OR_RETURN(spec.options, EstimateSizes(schema, offsets, spec.selection,
                                                    request.batch_size, request.sample_limit));
  }
  spec.batch_size = spec.options.num_graphs;
  if (!Packs(spec.strategy)) return absl::OkStatus();
  // Packing keeps a node and an edge for every graph that a batch has room for.
  const auto check = [&](absl::string_view field, const std::vector<int64_t>& counts) {
    int64_t total = 0;
    for (const int64_t count : counts) total += count;
    if (counts.empty() || total >= spec.options.num_graphs) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", total, "; STREAM_PACK needs at least one for each of the ",
                     spec.options.num_graphs, " graphs of a batch"));
  };
  GF_RETURN_IF_ERROR(check("num_nodes", spec.options.num_nodes));
  return check("num_edges", spec.options.num_edges);
}

// Lists with an entry for each selected seed.
absl::Status CheckSeedLists(const ResolvedSpec& spec, int64_t num_items) {
  if (!spec.sampling.has_value()) return absl::OkStatus();
  const auto num_seeds = static_cast<size_t>(spec.selection.size(num_items));
  const auto check = [&](absl::string_view field, size_t size) {
    if (size == 0 || size == num_seeds) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("sampling.", field, " has ", size, " entries for ", num_seeds, " seeds"));
  };
  GF_RETURN_IF_ERROR(check("input_time", spec.sampling->input_time.size()));
  if (!spec.sampling->links.has_value()) return absl::OkStatus();
  return check("links.labels", spec.sampling->links->labels.size());
}

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

// A bound on the nodes (edges) of a type that any batch holds.
int64_t LargestBatch(const ResolvedSpec& spec, const GraphOffsets& offsets, Level level, int type) {
  if (spec.fixed_size()) {
    return level == Level::kNode ? spec.options.num_nodes[type] : spec.options.num_edges[type];
  }
  const absl::Span<const int64_t> ptr =
      level == Level::kNode ? offsets.node_ptr[type] : offsets.edge_ptr[type];
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
  for (const ColumnSchema& column : schema.columns) {
    if (!Contains(spec.follow_batch, column.name)) continue;
    int64_t rows = 0;
    if (column.level != Level::kGraph) {
      rows = LargestBatch(spec, offsets, column.level, column.type);
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
    for (const int type : column.index_types) {
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
absl::Status CheckSampledColumn(const ResolvedSpec& spec, const ColumnSchema& column) {
  if (!column.index_types.empty() && !IsEdgeIndex(column)) {
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
      GF_RETURN_IF_ERROR(CheckSampledColumn(spec, column));
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

absl::StatusOr<ResolvedSpec> ResolveSpec(const BatchSpec& request, const DatasetInfo& dataset,
                                         const GraphOffsets& offsets) {
  const Schema& schema = dataset.schema;
  GF_RETURN_IF_ERROR(CheckScalars(request));
  ResolvedSpec spec;
  spec.strategy = request.strategy;
  spec.over_size = request.over_size;
  spec.shuffle = request.shuffle;
  spec.drop_last = request.drop_last;
  spec.incomplete_step = request.incomplete_step;
  spec.micro_batches = request.micro_batches;
  if (Samples(request.strategy)) {
    GF_ASSIGN_OR_RETURN(spec.sampling, ResolveSampling(request, dataset));
  }
  spec.ragged = request.ragged || !Pads(request.strategy);
  spec.masks = request.masks && spec.fixed_size();
  spec.index_dtype = request.index_dtype;
  spec.node_types = schema.node_types;
  spec.edge_types = EdgeTypeNames(schema);
  GF_ASSIGN_OR_RETURN(spec.selection, ResolveSelection(request, offsets.num_graphs));
  GF_RETURN_IF_ERROR(ResolveSizes(request, schema, offsets, spec));
  GF_RETURN_IF_ERROR(CheckSeedLists(spec, offsets.num_graphs));
  GF_ASSIGN_OR_RETURN(spec.exclude_keys,
                      ResolveNames("exclude_keys", ExcludedKeys(request), schema));
  GF_ASSIGN_OR_RETURN(spec.follow_batch,
                      ResolveNames("follow_batch", request.follow_batch, schema));
  GF_ASSIGN_OR_RETURN(spec.narrow_columns,
                      ResolveNames("narrow_columns", request.narrow_columns, schema));
  GF_ASSIGN_OR_RETURN(spec.float16_columns,
                      ResolveNames("float16_columns", request.float16_columns, schema));
  GF_RETURN_IF_ERROR(CheckFollowBatch(spec, schema));
  GF_RETURN_IF_ERROR(CheckIndexDType(spec, dataset, offsets));
  GF_RETURN_IF_ERROR(CheckColumns(spec, dataset, offsets));
  return spec;
}

}  // namespace graphfeed
