#include "client/cli/json_output.h"

#include <map>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cli/text_output.h"
#include "storage/base/digest.h"

namespace graphfeed {
namespace {

std::string Text(absl::string_view text) { return std::string(text); }

Json SizesToJson(const SizeSummary& sizes) {
  return {{"mean", sizes.mean},     {"std", sizes.std},
          {"min", sizes.min},       {"quantile25", sizes.quantile25},
          {"median", sizes.median}, {"quantile75", sizes.quantile75},
          {"max", sizes.max}};
}

Json ColumnToJson(const Schema& schema, const ColumnSchema& column, const ColumnInfo& info) {
  Json json = {{"name", column.name},
               {"store", schema.StoreName(column.level, column.type)},
               {"level", Text(LevelName(column.level))},
               {"dtype", Text(DTypeName(column.dtype))},
               {"shape", ColumnShape(column)},
               {"row_shape", column.row_shape},
               {"concat_last", column.concat_last},
               {"num_rows", info.num_rows}};
  if (column.varying()) {
    json["rows_per_graph"] = nullptr;
    if (info.row_sizes.has_value()) json["row_sizes"] = SizesToJson(*info.row_sizes);
  } else if (column.level == Level::kGraph) {
    json["rows_per_graph"] = column.rows_per_graph;
  }
  if (const auto* range = std::get_if<IntRange>(&info.values)) {
    json["min"] = range->min;
    json["max"] = range->max;
  } else if (const auto* floats = std::get_if<FloatRange>(&info.values)) {
    json["min"] = floats->min;
    json["max"] = floats->max;
  }
  return json;
}

}  // namespace

Json ToJson(const DatasetInfo& info) {
  const Schema& schema = info.schema;
  Json json = {{"name", info.name},
               {"version", info.version},
               {"fingerprint", DigestHex(info.fingerprint)},
               {"collection", schema.collection},
               {"heterogeneous", schema.heterogeneous},
               {"num_graphs", info.num_graphs},
               {"raw_bytes", info.raw_bytes},
               {"transforms", info.transforms}};
  json["node_types"] = Json::array();
  for (size_t t = 0; t < schema.node_types.size(); ++t) {
    json["node_types"].push_back({{"name", schema.node_types[t]},
                                  {"num_nodes", info.num_nodes[t]},
                                  {"sizes", SizesToJson(info.node_sizes[t])}});
  }
  json["edge_types"] = Json::array();
  for (size_t t = 0; t < schema.edge_types.size(); ++t) {
    json["edge_types"].push_back({{"name", schema.EdgeTypeName(static_cast<int>(t))},
                                  {"num_edges", info.num_edges[t]},
                                  {"sizes", SizesToJson(info.edge_sizes[t])}});
  }
  json["columns"] = Json::array();
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    json["columns"].push_back(ColumnToJson(schema, schema.columns[c], info.columns[c]));
  }
  json["summary"] = {{"num_nodes", SizesToJson(info.total_node_sizes)},
                     {"num_edges", SizesToJson(info.total_edge_sizes)}};
  return json;
}

Json ToJson(const Counts& counts) {
  return {{"graphs", counts.graphs},
          {"nodes", counts.nodes},
          {"edges", counts.edges},
          {"seeds", counts.seeds},
          {"labels", counts.labels}};
}

Json ToJson(const SizeEstimate& report) {
  return {{"num_samples", report.num_samples},
          {"trimmed_nodes", report.trimmed_nodes},
          {"trimmed_edges", report.trimmed_edges},
          {"trimmed_batches", report.trimmed_batches}};
}

Json ToJson(const PlanSummary& plan, bool sampled) {
  const auto known = [sampled](double efficiency) { return sampled ? Json() : Json(efficiency); };
  return {{"num_batches", plan.num_batches},
          {"num_frames", plan.num_frames},
          {"shard_frames", plan.shard_frames},
          {"num_graphs", plan.num_graphs},
          {"skipped_graphs", plan.skipped_graphs},
          {"real", ToJson(plan.real)},
          {"node_efficiency", known(plan.node_efficiency)},
          {"edge_efficiency", known(plan.edge_efficiency)},
          {"lower_bound_batches", plan.lower_bound_batches}};
}

Json LayoutToJson(const Layout& layout, absl::Span<const TensorPlace> places) {
  Json json = Json::array();
  for (size_t t = 0; t < layout.tensors.size(); ++t) {
    const TensorSpec& tensor = layout.tensors[t];
    Json entry = {
        {"store", tensor.store}, {"name", tensor.name}, {"dtype", Text(DTypeName(tensor.dtype))}};
    if (t < places.size()) {
      entry["shape"] = places[t].shape;
      entry["offset"] = places[t].offset;
      entry["size_bytes"] = places[t].size_bytes;
    }
    json.push_back(std::move(entry));
  }
  return json;
}

Json ToJson(const ServerInfo& info) {
  return {{"version", info.version},
          {"store", info.store},
          {"storage_format", info.storage_format},
          {"features", info.features},
          {"algorithm_versions", info.algorithm_versions}};
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace graphfeed
