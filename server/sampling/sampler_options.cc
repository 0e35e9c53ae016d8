#include "server/sampling/sampler_options.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/sampling/closure.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Hop and edge type share a word of the draws' counters.
constexpr size_t kMaxHops = 1 << 16;
constexpr size_t kMaxEdgeTypes = 1 << 16;

template <typename... Pieces>
absl::Status Invalid(const Pieces&... pieces) {
  return absl::InvalidArgumentError(absl::StrCat(pieces...));
}

absl::Status CheckFanOuts(const Schema& schema, const NeighborSamplerOptions& options) {
  const size_t num_edge_types = schema.edge_types.size();
  if (options.num_neighbors.size() != num_edge_types || num_edge_types > kMaxEdgeTypes) {
    return Invalid("num_neighbors has fan-outs for ", options.num_neighbors.size(),
                   " edge types; the graph has ", num_edge_types, " (at most ", kMaxEdgeTypes, ")");
  }
  for (size_t e = 0; e < num_edge_types; ++e) {
    const std::vector<int64_t>& hops = options.num_neighbors[e];
    const std::string name = schema.EdgeTypeName(static_cast<int>(e));
    if (hops.size() != options.num_neighbors[0].size() || hops.size() > kMaxHops) {
      return Invalid("num_neighbors of '", name, "' has ", hops.size(), " hops, that of '",
                     schema.EdgeTypeName(0), "' ", options.num_neighbors[0].size(),
                     "; all edge types need the same number, at most ", kMaxHops);
    }
    for (const int64_t fan_out : hops) {
      if (fan_out < -1 || fan_out > std::numeric_limits<int32_t>::max()) {
        return Invalid("num_neighbors of '", name, "' is ", fan_out,
                       "; it must be -1 (all) or from 0 to ", std::numeric_limits<int32_t>::max());
      }
    }
  }
  return absl::OkStatus();
}

// `columns` are of `level`, one for each of `num_types` types, or empty. They are those that a spec
// names as `attribute`.
absl::Status CheckColumns(const Schema& schema, absl::string_view option,
                          absl::string_view attribute, const std::vector<int>& columns, Level level,
                          size_t num_types, bool (*is_kind)(DType), absl::string_view kind) {
  if (columns.empty()) return absl::OkStatus();
  if (columns.size() != num_types) {
    return Invalid(option, " has ", columns.size(), " entries for ", num_types, " ",
                   LevelName(level), " types");
  }
  for (size_t t = 0; t < num_types; ++t) {
    if (columns[t] == -1) continue;
    if (columns[t] < 0 || static_cast<size_t>(columns[t]) >= schema.columns.size()) {
      return Invalid(option, ": no column ", columns[t], "; the graph has ", schema.columns.size());
    }
    const ColumnSchema& column = schema.columns[columns[t]];
    const std::string store = schema.StoreName(level, static_cast<int>(t));
    if (column.level != level || column.type != static_cast<int>(t)) {
      return Invalid(option, ": column '", column.name, "' is not a ", LevelName(level),
                     " column of '", store, "'");
    }
    if (!is_kind(column.dtype) || column.row_elements() != 1) {
      return Invalid(attribute, ": column '", column.name, "'",
                     store.empty() ? "" : absl::StrCat(" of '", store, "'"), " has rows of ",
                     column.row_elements(), " ", DTypeName(column.dtype), "; it must have one ",
                     kind, " a row");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTemporal(const NeighborSamplerOptions& options) {
  if (options.temporal_strategy != TemporalStrategy::kLast) return absl::OkStatus();
  if (options.time_columns.empty()) {
    return Invalid("temporal_strategy 'last' needs times of the nodes");
  }
  if (options.replace) {
    return Invalid("temporal_strategy 'last' draws nothing, so it cannot draw with replacement");
  }
  if (std::any_of(options.weight_columns.begin(), options.weight_columns.end(),
                  [](int column) { return column >= 0; })) {
    return Invalid("temporal_strategy 'last' draws nothing, so it cannot draw by weight");
  }
  return absl::OkStatus();
}

// Edge types without edges need no reverses.
absl::Status CheckReverses(const GraphView& graph, const NeighborSamplerOptions& options) {
  if (options.subgraph_type != SubgraphType::kBidirectional) return absl::OkStatus();
  const Schema& schema = graph.schema;
  const std::vector<int> reverse = ReverseEdgeTypes(schema);
  for (size_t e = 0; e < reverse.size(); ++e) {
    const std::vector<int64_t>& hops = options.num_neighbors[e];
    const bool sampled = std::any_of(hops.begin(), hops.end(), [](int64_t k) { return k != 0; });
    if (!sampled || reverse[e] >= 0 || graph.adjacency.NumEdges(static_cast<int>(e)) == 0) continue;
    const EdgeType& type = schema.edge_types[e];
    return Invalid("subgraph_type 'bidirectional': '", schema.EdgeTypeName(static_cast<int>(e)),
                   "' has no reverse edge type '", schema.node_types[type.target], "|rev_",
                   type.relation, "|", schema.node_types[type.source],
                   "', nor is there just one other type that leads back; add reverse edges to the "
                   "dataset, or sample none of this type");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSamplerOptions(const GraphView& graph, const NeighborSamplerOptions& options) {
  const Schema& schema = graph.schema;
  if (schema.collection) {
    return Invalid("neighbours are sampled from a single graph, not from a collection of graphs");
  }
  GF_RETURN_IF_ERROR(CheckFanOuts(schema, options));
  GF_RETURN_IF_ERROR(
      CheckColumns(schema, "time_columns", "time_attr", options.time_columns,
                   options.edge_times ? Level::kEdge : Level::kNode,
                   options.edge_times ? schema.edge_types.size() : schema.node_types.size(),
                   IsInteger, "integer"));
  GF_RETURN_IF_ERROR(CheckColumns(schema, "weight_columns", "weight_attr", options.weight_columns,
                                  Level::kEdge, schema.edge_types.size(), IsFloat, "float"));
  GF_RETURN_IF_ERROR(CheckTemporal(options));
  return CheckReverses(graph, options);
}

std::vector<int> ExpansionOrder(const Schema& schema) {
  std::vector<std::string> names;
  for (const EdgeType& type : schema.edge_types) {
    names.push_back(absl::StrCat(schema.node_types[type.source], "__", type.relation, "__",
                                 schema.node_types[type.target]));
  }
  std::vector<int> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return names[a] < names[b]; });
  return order;
}

}  // namespace graphfeed
