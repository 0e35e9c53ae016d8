#include "server/batching/resolved_sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/frame/spec_fields.h"
#include "server/batching/algorithms.h"
#include "server/batching/resolved_spec.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr double kMaxNegativeAmount = 1 << 20;
constexpr int64_t kMaxLabel = std::numeric_limits<int64_t>::max();

template <typename... Pieces>
absl::Status Invalid(const Pieces&... pieces) {
  return absl::InvalidArgumentError(absl::StrCat(pieces...));
}

absl::Status CheckEnums(const SamplingSpec& request) {
  if (!Exists(request.subgraph_type)) {
    return Invalid("sampling.subgraph_type ", static_cast<int>(request.subgraph_type),
                   " does not exist");
  }
  if (!Exists(request.temporal_strategy)) {
    return Invalid("sampling.temporal_strategy ", static_cast<int>(request.temporal_strategy),
                   " does not exist");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<int64_t>>> FanOuts(const SamplingSpec& request,
                                                          const Schema& schema) {
  if (request.num_neighbors.empty()) return Invalid("sampling.num_neighbors is not set");
  const std::vector<std::string> names = EdgeTypeNames(schema);
  for (const auto& [name, hops] : request.num_neighbors) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
      return Invalid("sampling.num_neighbors names \"", name,
                     "\", which is no edge type of the dataset");
    }
  }
  const auto all = request.num_neighbors.find("");
  std::vector<std::vector<int64_t>> fan_outs;
  for (const std::string& name : names) {
    auto entry = request.num_neighbors.find(name);
    if (entry == request.num_neighbors.end()) entry = all;
    if (entry == request.num_neighbors.end()) {
      return Invalid("sampling.num_neighbors has no entry for \"", name, "\"");
    }
    fan_outs.push_back(entry->second);
    if (fan_outs.back().size() != fan_outs.front().size()) {
      return Invalid("sampling.num_neighbors of \"", name, "\" has ", fan_outs.back().size(),
                     " hops, that of \"", names.front(), "\" ", fan_outs.front().size(),
                     "; the number of hops must be the same for every edge type");
    }
  }
  return fan_outs;
}

// Columns of this name by type, -1 where a type has none.
absl::StatusOr<std::vector<int>> ColumnsNamed(const Schema& schema, Level level,
                                              absl::string_view field, absl::string_view name) {
  const size_t num_types =
      level == Level::kNode ? schema.node_types.size() : schema.edge_types.size();
  std::vector<int> columns;
  bool found = false;
  for (size_t t = 0; t < num_types; ++t) {
    columns.push_back(schema.FindColumn(level, static_cast<int>(t), name));
    found |= columns.back() >= 0;
  }
  const auto has_name = [&](const ColumnSchema& column) { return column.name == name; };
  const auto other = std::find_if(schema.columns.begin(), schema.columns.end(), has_name);
  if (!found && other != schema.columns.end()) {
    return Invalid(field, " names \"", name, "\", which is a column of level ",
                   LevelName(other->level), "; it takes one of level ", LevelName(level));
  }
  if (!found) {
    return Invalid(field, " names \"", name, "\", which is no ", LevelName(level),
                   " column of the dataset");
  }
  return columns;
}

// Resolves the seeds' node type, or the only one.
absl::StatusOr<int> InputType(const SamplingSpec& request, const Schema& schema) {
  if (request.input_type.empty()) {
    if (schema.node_types.size() == 1) return 0;
    return Invalid("sampling.input_type is not set; the dataset has ", schema.node_types.size(),
                   " node types");
  }
  const int type = schema.FindNodeType(request.input_type);
  if (type < 0) {
    return Invalid("sampling.input_type is \"", request.input_type,
                   "\", which is no node type of the dataset");
  }
  return type;
}

absl::StatusOr<int> InputMask(const BatchSpec& request, const Schema& schema, int type) {
  const std::string& name = request.sampling->input_mask;
  if (name.empty()) return -1;
  const int column = schema.FindColumn(Level::kNode, type, name);
  if (column < 0) {
    return Invalid("sampling.input_mask names \"", name, "\", which is no column of \"",
                   schema.node_types[type], "\"");
  }
  const ColumnSchema& mask = schema.columns[column];
  if (mask.dtype != DType::kBool || mask.row_elements() != 1) {
    return Invalid("sampling.input_mask names \"", name, "\", whose rows are ", mask.row_elements(),
                   " ", DTypeName(mask.dtype), "; a mask has one bool a row");
  }
  if (request.selection.kind != Selection::Kind::kAll) {
    return Invalid("sampling.input_mask and a selection are set; one of them names the seeds");
  }
  return column;
}

// Ends of explicit pairs must exist.
absl::Status CheckEnds(absl::string_view field, const std::vector<int64_t>& nodes, int type,
                       const DatasetInfo& dataset) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] >= 0 && nodes[i] < dataset.num_nodes[type]) continue;
    return Invalid("sampling.links.", field, "[", i, "] is ", nodes[i], "; \"",
                   dataset.schema.node_types[type], "\" has ", dataset.num_nodes[type], " nodes");
  }
  return absl::OkStatus();
}

// Beside binary negatives, whose label is 0.
absl::Status DecideLabels(ResolvedLinks& links) {
  const std::vector<int64_t>& labels = links.labels;
  const std::vector<float>& floats = links.float_labels;
  if (!labels.empty() && !floats.empty()) {
    return Invalid("sampling.links.labels and float_labels are set; labels are one or the other");
  }
  const auto is_nan = [](float value) { return std::isnan(value); };
  if (const auto nan = std::find_if(floats.begin(), floats.end(), is_nan); nan != floats.end()) {
    return Invalid("sampling.links.float_labels[", nan - floats.begin(), "] is not a number");
  }
  if (links.negative_mode == NegativeMode::kBinary && !floats.empty()) {
    links.keep_labels = *std::min_element(floats.begin(), floats.end()) != 0;
  }
  if (links.negative_mode != NegativeMode::kBinary || labels.empty()) return absl::OkStatus();
  const auto [least, most] = std::minmax_element(labels.begin(), labels.end());
  links.keep_labels = *least != 0;
  if (*least < 0 && std::find(labels.begin(), labels.end(), 0) != labels.end()) {
    return Invalid("sampling.links.labels[", least - labels.begin(), "] is ", *least,
                   " and others are 0, which is the label of binary negatives; labels from 0 on ",
                   "come out one higher, others must not be 0");
  }
  if (links.keep_labels || *most < kMaxLabel) return absl::OkStatus();
  return Invalid("sampling.links.labels[", most - labels.begin(), "] is ", *most,
                 "; beside binary negatives labels from 0 on come out one higher, so the limit is ",
                 kMaxLabel - 1);
}

absl::StatusOr<ResolvedLinks> ResolveLinks(const SamplingSpec& sampling,
                                           const DatasetInfo& dataset) {
  const LinkSeeds& request = *sampling.links;
  const Schema& schema = dataset.schema;
  ResolvedLinks links;
  VisitLinkFields<LinkSeeds, ResolvedLinks>(CopyFields(request, links));
  if (request.edge_type.empty()) {
    if (schema.edge_types.size() != 1) {
      return Invalid("sampling.links.edge_type is not set; the dataset has ",
                     schema.edge_types.size(), " edge types");
    }
  } else {
    links.edge_type = schema.FindEdgeType(request.edge_type);
    if (links.edge_type < 0) {
      return Invalid("sampling.links.edge_type is \"", request.edge_type,
                     "\", which is no edge type of the dataset");
    }
  }
  if (!sampling.input_type.empty() || !sampling.input_mask.empty()) {
    return Invalid("sampling.input_type or input_mask is set; with links the seeds are edges");
  }
  if (request.sources.size() != request.targets.size()) {
    return Invalid("sampling.links has ", request.sources.size(), " sources and ",
                   request.targets.size(), " targets");
  }
  const EdgeType& type = schema.edge_types[links.edge_type];
  GF_RETURN_IF_ERROR(CheckEnds("sources", request.sources, type.source, dataset));
  GF_RETURN_IF_ERROR(CheckEnds("targets", request.targets, type.target, dataset));
  links.explicit_pairs = !request.sources.empty();
  GF_RETURN_IF_ERROR(DecideLabels(links));
  if (!Exists(request.negative_mode)) {
    return Invalid("sampling.links.negative_mode ", static_cast<int>(request.negative_mode),
                   " does not exist");
  }
  if (links.negative_mode == NegativeMode::kTriplet &&
      !(links.labels.empty() && links.float_labels.empty())) {
    return Invalid("sampling.links.labels are set; triplets have no labels");
  }
  if (links.negative_mode != NegativeMode::kNone) {
    if (!(request.negative_amount > 0) || request.negative_amount > kMaxNegativeAmount) {
      return Invalid("sampling.links.negative_amount is ", request.negative_amount,
                     "; it is above 0 and at most ", kMaxNegativeAmount);
    }
  } else {
    links.negative_amount = 1;
  }
  return links;
}

absl::StatusOr<ResolvedSampling> ResolveNeighbors(const BatchSpec& spec,
                                                  const DatasetInfo& dataset) {
  const SamplingSpec& request = *spec.sampling;
  const Schema& schema = dataset.schema;
  GF_RETURN_IF_ERROR(CheckEnums(request));
  if (!request.partition.empty()) {
    return Invalid("sampling.partition is set, but NEIGHBOR does not take clusters");
  }
  ResolvedSampling sampling;
  VisitSamplingFields<SamplingSpec, ResolvedSampling>(CopyFields(request, sampling));
  GF_ASSIGN_OR_RETURN(sampling.num_neighbors, FanOuts(request, schema));
  sampling.disjoint = request.disjoint || !request.time_attr.empty();
  if (!request.time_attr.empty()) {
    const auto exists = [&](Level level) {
      return std::any_of(schema.columns.begin(), schema.columns.end(), [&](const auto& column) {
        return column.level == level && column.name == request.time_attr && IsInteger(column.dtype);
      });
    };
    sampling.edge_times = !exists(Level::kNode) && exists(Level::kEdge);
    GF_ASSIGN_OR_RETURN(sampling.time_columns,
                        ColumnsNamed(schema, sampling.edge_times ? Level::kEdge : Level::kNode,
                                     "sampling.time_attr", request.time_attr));
  } else if (!request.input_time.empty()) {
    return Invalid("sampling.input_time is set without time_attr");
  } else if (request.temporal_strategy != TemporalStrategy::kUniform) {
    return Invalid("sampling.temporal_strategy is set without time_attr");
  }
  if (!request.weight_attr.empty()) {
    GF_ASSIGN_OR_RETURN(
        sampling.weight_columns,
        ColumnsNamed(schema, Level::kEdge, "sampling.weight_attr", request.weight_attr));
  }
  if (request.links.has_value()) {
    GF_ASSIGN_OR_RETURN(sampling.links, ResolveLinks(request, dataset));
    if (!request.time_attr.empty() && request.input_time.empty()) {
      return Invalid(
          "sampling.time_attr is set without input_time; seed edges have no times of their own");
    }
    return sampling;
  }
  if (sampling.edge_times && request.input_time.empty()) {
    return Invalid("sampling.time_attr names the edge column \"", request.time_attr,
                   "\" and input_time is not set; seeds then have no times of their own");
  }
  GF_ASSIGN_OR_RETURN(sampling.input_type, InputType(request, schema));
  GF_ASSIGN_OR_RETURN(sampling.input_mask, InputMask(spec, schema, sampling.input_type));
  return sampling;
}

absl::StatusOr<ResolvedSampling> ResolveClusters(const SamplingSpec& request,
                                                 const Schema& schema) {
  if (schema.heterogeneous) return Invalid("CLUSTER takes homogeneous graphs");
  SamplingSpec rest = request;
  rest.partition.clear();
  if (rest != SamplingSpec()) {
    return Invalid("CLUSTER takes no field of sampling but partition");
  }
  if (request.partition.empty()) return Invalid("sampling.partition is not set");
  ResolvedSampling sampling;
  sampling.partition = schema.FindColumn(Level::kNode, 0, request.partition);
  if (sampling.partition < 0) {
    return Invalid("sampling.partition names \"", request.partition,
                   "\", which is no node column of the dataset; partition the dataset first");
  }
  return sampling;
}

}  // namespace

int64_t ResolvedLinks::NumNegatives(int64_t seeds) const {
  if (negative_mode == NegativeMode::kNone) return 0;
  return static_cast<int64_t>(std::ceil(static_cast<double>(seeds) * negative_amount));
}

int64_t ResolvedLinks::NumLabels(int64_t seeds) const {
  if (negative_mode == NegativeMode::kTriplet) return 0;
  return seeds + NumNegatives(seeds);
}

bool ResolvedSampling::HasTimedNegatives(const Schema& schema) const {
  if (!links.has_value() || links->negative_mode == NegativeMode::kNone || time_columns.empty() ||
      edge_times) {
    return false;
  }
  const EdgeType& type = schema.edge_types[links->edge_type];
  return time_columns[type.source] >= 0 || time_columns[type.target] >= 0;
}

absl::StatusOr<ResolvedSampling> ResolveSampling(const BatchSpec& request,
                                                 const DatasetInfo& dataset) {
  if (dataset.schema.collection) {
    return Invalid("strategy NEIGHBOR or CLUSTER takes a single graph; ", dataset.name,
                   " is a collection of graphs");
  }
  if (!request.sampling.has_value()) return Invalid("sampling is not set");
  if (request.strategy == Strategy::kCluster) {
    return ResolveClusters(*request.sampling, dataset.schema);
  }
  GF_ASSIGN_OR_RETURN(const AlgorithmVersions algorithms, ResolveAlgorithms(request.algorithms));
  absl::StatusOr<ResolvedSampling> sampling = ResolveNeighbors(request, dataset);
  if (sampling.ok()) sampling->times_ignored = algorithms.timed_negatives == 1;
  return sampling;
}

SamplingSpec SamplingFromResolved(const ResolvedSampling& sampling, const Schema& schema) {
  SamplingSpec request;
  if (sampling.partition >= 0) {
    request.partition = schema.columns[sampling.partition].name;
    return request;
  }
  VisitSamplingFields<ResolvedSampling, SamplingSpec>(CopyFields(sampling, request));
  for (size_t e = 0; e < sampling.num_neighbors.size(); ++e) {
    request.num_neighbors[schema.heterogeneous ? schema.EdgeTypeName(static_cast<int>(e)) : ""] =
        sampling.num_neighbors[e];
  }
  if (sampling.num_neighbors.empty()) request.num_neighbors[""] = {};
  if (!sampling.links.has_value()) {
    if (schema.heterogeneous) request.input_type = schema.node_types[sampling.input_type];
    if (sampling.input_mask >= 0) request.input_mask = schema.columns[sampling.input_mask].name;
    return request;
  }
  const ResolvedLinks& links = *sampling.links;
  request.links.emplace();
  VisitLinkFields<ResolvedLinks, LinkSeeds>(CopyFields(links, *request.links));
  if (schema.heterogeneous) request.links->edge_type = schema.EdgeTypeName(links.edge_type);
  return request;
}

}  // namespace graphfeed
