#include "server/batching/resolve/sizes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/frame/spec_fields.h"
#include "server/batching/resolve/selection.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxCount = int64_t{1} << 40;
constexpr int64_t kMaxSeeds = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxNegatives = 1 << 24;  // of a batch

absl::Status CheckCount(absl::string_view field, absl::string_view type, int64_t count) {
  if (count >= 1 && count <= kMaxCount) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, type.empty() ? "" : "[", type,
                                                 type.empty() ? "" : "]", " is ", count,
                                                 "; it is 1 to 2^40"));
}

absl::Status CheckNumGraphs(absl::string_view field, int64_t num_graphs) {
  if (num_graphs < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", num_graphs,
                     "; it is at least 2, because one graph of a batch is kept for padding"));
  }
  return CheckCount(field, "", num_graphs);
}

// One count for each of `names`, from one for all (key "") or one for each.
absl::StatusOr<std::vector<int64_t>> CountsByType(absl::string_view field,
                                                  const std::map<std::string, int64_t>& counts,
                                                  const std::vector<std::string>& names) {
  std::vector<int64_t> result;
  if (const auto all = counts.find(""); all != counts.end()) {
    if (counts.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " has one count for all types and others for single types"));
    }
    GF_RETURN_IF_ERROR(CheckCount(field, "", all->second));
    result.assign(names.size(), all->second);
    return result;
  }
  for (const auto& [name, count] : counts) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " names \"", name, "\", which is no type of the dataset"));
    }
    GF_RETURN_IF_ERROR(CheckCount(field, name, count));
  }
  for (const std::string& name : names) {
    const auto it = counts.find(name);
    if (it == counts.end()) {
      return absl::InvalidArgumentError(absl::StrCat(field, " has no count for \"", name, "\""));
    }
    result.push_back(it->second);
  }
  return result;
}

// As many edges as a complete graph without loops over all nodes has.
absl::StatusOr<int64_t> DefaultNumEdges(const std::map<std::string, int64_t>& num_nodes) {
  int64_t total = 0;
  for (const auto& [name, count] : num_nodes) total += count;  // each is at most 2^40
  const __int128 edges = static_cast<__int128>(total) * (total - 1);
  if (edges < 1 || edges > kMaxCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_edges is not set, and its default T * (T - 1) for T = ", total,
                     " nodes is ", edges < 1 ? "0" : "more than 2^40", "; set num_edges"));
  }
  return static_cast<int64_t>(edges);
}

// Places in a sampled batch are 32 bits wide.
absl::Status CheckSampledBatchSize(const ResolvedSpec& spec) {
  if (spec.batch_size > kMaxSeeds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch_size is ", spec.batch_size, "; a sampled batch has at most ", kMaxSeeds, " seeds"));
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

}  // namespace

absl::StatusOr<ResolvedOptions> ResolveOptions(const FixedSizeOptions& request,
                                               const Schema& schema) {
  GF_RETURN_IF_ERROR(CheckNumGraphs("num_graphs", request.num_graphs));
  ResolvedOptions options;
  VisitOptionFields<FixedSizeOptions, ResolvedOptions>(CopyFields(request, options));
  if (request.num_nodes.empty()) return absl::InvalidArgumentError("num_nodes is not set");
  GF_ASSIGN_OR_RETURN(options.num_nodes,
                      CountsByType("num_nodes", request.num_nodes, schema.node_types));
  if (!request.num_edges.empty()) {
    GF_ASSIGN_OR_RETURN(options.num_edges,
                        CountsByType("num_edges", request.num_edges, EdgeTypeNames(schema)));
  } else if (!schema.edge_types.empty()) {
    GF_ASSIGN_OR_RETURN(const int64_t num_edges, DefaultNumEdges(request.num_nodes));
    options.num_edges.assign(schema.edge_types.size(), num_edges);
  }
  for (const auto& [name, value] : options.pad_graph_defaults) {
    const int column = schema.FindColumn(Level::kGraph, 0, name);
    if (column < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("pad_graph_defaults names \"", name, "\", which is no graph-level column"));
    }
    if (!schema.columns[column].non_tensor && schema.columns[column].dtype != DType::kString) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pad_graph_defaults names \"", name, "\", which is a tensor: graph_pad_value fills it"));
    }
  }
  for (const auto& [name, count] : options.num_rows) {
    GF_RETURN_IF_ERROR(CheckCount("num_rows", name, count));
    const int column = schema.FindColumn(Level::kGraph, 0, name);
    if (column < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("num_rows names \"", name, "\", which is no graph-level column"));
    }
    if (!schema.columns[column].varying()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "num_rows names \"", name, "\", of which every graph has ",
          schema.columns[column].rows_per_graph, " rows: batches have as many for each graph"));
    }
  }
  return options;
}

FixedSizeOptions RequestFromOptions(const ResolvedOptions& options, const Schema& schema) {
  FixedSizeOptions request;
  VisitOptionFields<ResolvedOptions, FixedSizeOptions>(CopyFields(options, request));
  for (size_t type = 0; type < options.num_nodes.size(); ++type) {
    request.num_nodes[schema.heterogeneous ? schema.node_types[type] : ""] =
        options.num_nodes[type];
  }
  for (size_t type = 0; type < options.num_edges.size(); ++type) {
    request.num_edges[schema.heterogeneous ? schema.EdgeTypeName(static_cast<int>(type)) : ""] =
        options.num_edges[type];
  }
  return request;
}

absl::StatusOr<ResolvedOptions> EstimateSizes(const Schema& schema, const GraphOffsets& offsets,
                                              const Selection& selection, int64_t batch_size,
                                              int64_t sample_limit) {
  GF_RETURN_IF_ERROR(CheckNumGraphs("batch_size", batch_size));
  if (sample_limit < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("sample_limit is ", sample_limit, "; it is at least 0 (all graphs)"));
  }
  GF_RETURN_IF_ERROR(CheckSelection(selection, offsets.num_graphs));
  int64_t count = selection.size(offsets.num_graphs);
  if (sample_limit > 0) count = std::min(count, sample_limit);

  // Of padding one more than what batches hold, where padding graphs need one.
  const auto size = [&](absl::string_view field, const std::string& type,
                        const absl::Span<const int64_t> ptr,
                        int64_t padding = 1) -> absl::StatusOr<int64_t> {
    int64_t largest = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t graph = selection(i);
      largest = std::max(largest, ptr[graph + 1] - ptr[graph]);
    }
    const __int128 total = static_cast<__int128>(largest) * (batch_size - 1) + padding;
    if (total > kMaxCount) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch_size is ", batch_size, " and the largest graph has ", largest, " ",
                       field, " of type ", type, ": a batch would hold more than 2^40"));
    }
    return static_cast<int64_t>(total);
  };
  ResolvedOptions options;
  options.num_graphs = batch_size;
  for (size_t t = 0; t < schema.node_types.size(); ++t) {
    GF_ASSIGN_OR_RETURN(const int64_t total,
                        size("nodes", schema.node_types[t], offsets.node_ptr[t]));
    options.num_nodes.push_back(total);
  }
  for (size_t r = 0; r < schema.edge_types.size(); ++r) {
    GF_ASSIGN_OR_RETURN(const int64_t total, size("edges", schema.EdgeTypeName(static_cast<int>(r)),
                                                  offsets.edge_ptr[r]));
    options.num_edges.push_back(total);
  }
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    const std::string& name = schema.columns[c].name;
    if (!schema.columns[c].varying()) continue;
    GF_ASSIGN_OR_RETURN(const int64_t total, size("rows", name, offsets.row_ptr[c], 0));
    options.num_rows[name] = std::max<int64_t>(total, 1);
  }
  return options;
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
  if (PackingOf(spec.strategy) != Packing::kInOrder) return absl::OkStatus();
  // Packing in order keeps a node and an edge for every graph that a batch has room for.
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

}  // namespace graphfeed
