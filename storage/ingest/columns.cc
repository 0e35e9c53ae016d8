#include "storage/ingest/columns.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"
#include "storage/ingest/column_levels.h"
#include "storage/ingest/graph_check.h"
#include "storage/ingest/value_check.h"

namespace graphfeed {
namespace {

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(prefix, ": ", status.message()));
}

}  // namespace

absl::Status IngestColumns::Check(const GraphBlock& block, int64_t num_graphs) {
  GF_RETURN_IF_ERROR(
      Prefixed(GraphRange(types_, num_graphs, block.num_graphs), CheckGraphCounts(types_, block)));
  GF_RETURN_IF_ERROR(CheckColumns(block, num_graphs));
  if (spec_.collection && block.num_graphs > 0) {
    GF_RETURN_IF_ERROR(CheckNoneMissing(block, num_graphs));
  }
  return CheckValues(block, num_graphs);
}

absl::Status IngestColumns::CheckColumns(const GraphBlock& block, int64_t num_graphs) {
  for (const ColumnBlock& column : block.columns) {
    GF_RETURN_IF_ERROR(Prefixed(absl::StrCat(GraphRange(types_, num_graphs, block.num_graphs), ", ",
                                             ColumnTitle(types_, column)),
                                CheckColumn(column, num_graphs, block.num_graphs)));
  }
  return absl::OkStatus();
}

bool IngestColumns::Has(const std::string& name) const {
  return by_key_.find(ColumnKey{0, 0, name}) != by_key_.end();
}

absl::Status IngestColumns::CheckColumn(const ColumnBlock& column, int64_t num_graphs,
                                        int64_t block_graphs) {
  const bool empty = IsEmpty(types_, column, block_graphs);
  if (const auto known = by_key_.find(KeyOf(column)); known != by_key_.end()) {
    IngestColumn& known_column = *columns_[known->second];
    const bool open = known_column.is_open();
    GF_RETURN_IF_ERROR(known_column.CheckSameKind(column, empty, num_graphs));
    if (open && !known_column.is_open()) GF_RETURN_IF_ERROR(CheckColumnKind(types_, column));
  } else {
    if (spec_.collection && num_graphs > 0) {
      return absl::InvalidArgumentError("it is new; graph 0 has no such column");
    }
    ColumnBlock no_edges;
    if (empty && column.name == "edge_index") {
      no_edges = column;
      no_edges.row_shape = {2};
      if (!IsInteger(column.dtype)) no_edges.dtype = DType::kInt64;
    }
    const ColumnBlock& kind = no_edges.name.empty() ? column : no_edges;
    GF_RETURN_IF_ERROR(CheckColumnKind(types_, kind));
    std::optional<Level> declared = column.level;
    if (const auto given = spec_.kinds.find(column.name); given != spec_.kinds.end()) {
      if (declared && *declared != given->second) {
        return absl::InvalidArgumentError(absl::StrCat("it comes as ", LevelName(*declared),
                                                       " level, but kinds declares ",
                                                       LevelName(given->second), " level"));
      }
      declared = given->second;
    }
    if (column.name == "edge_index") {
      if (declared && *declared != Level::kEdge) {
        return absl::InvalidArgumentError("edge_index is edge level");
      }
      declared = Level::kEdge;
    }
    by_key_.emplace(KeyOf(column), columns_.size());
    columns_.push_back(std::make_unique<IngestColumn>(types_, kind, declared, num_graphs, empty));
  }
  if (empty) return absl::OkStatus();
  return CheckColumnRows(types_, column, block_graphs);
}

void IngestColumns::FitEmpty(GraphBlock& block) const {
  for (ColumnBlock& column : block.columns) {
    if (!IsEmpty(types_, column, block.num_graphs)) continue;
    const ColumnBlock& kind = columns_[IndexOf(column)]->kind();
    column.dtype = kind.dtype;
    column.row_shape = kind.row_shape;
    column.concat_last = kind.concat_last;
  }
}

absl::StatusOr<Schema> IngestColumns::MakeSchema(absl::Span<const int64_t> num_edges) const {
  Schema schema = types_;
  for (const auto& column : columns_) {
    GF_ASSIGN_OR_RETURN(schema.columns.emplace_back(), column->MakeSchema(types_));
    if (schema.columns.back().varying()) GF_RETURN_IF_ERROR(CheckDeclared(column->kind()));
  }
  GF_RETURN_IF_ERROR(ValidateSchema(schema));
  for (const auto& [name, level] : spec_.kinds) {
    if (!Has(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("kinds declares column \"", name, "\", which does not exist"));
    }
  }
  for (size_t t = 0; t < types_.edge_types.size(); ++t) {
    const int type = static_cast<int>(t);
    if (num_edges[t] > 0 && schema.FindColumn(Level::kEdge, type, "edge_index") < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(types_.heterogeneous ? types_.EdgeTypeName(type) : "the dataset", " has ",
                       num_edges[t], " edges, but no column \"edge_index\""));
    }
  }
  return schema;
}

// What transforms take for rows of nodes or edges in one block and not in another is neither.
absl::Status IngestColumns::CheckDeclared(const ColumnBlock& column) const {
  if (spec_.transforms.empty() || column.level || spec_.kinds.contains(column.name)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "column \"", column.name, "\" has neither a row for each node nor one for each edge, ",
      "which transforms must know before: declare it, kinds={\"", column.name, "\": \"graph\"}"));
}

absl::Status IngestColumns::CheckNoneMissing(const GraphBlock& block, int64_t num_graphs) const {
  std::vector<bool> present(columns_.size());
  for (const ColumnBlock& column : block.columns) {
    const size_t i = IndexOf(column);
    if (present[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat(GraphRange(types_, num_graphs, block.num_graphs), ": ",
                       ColumnTitle(types_, column), " comes twice"));
    }
    present[i] = true;
  }
  for (size_t i = 0; i < present.size(); ++i) {
    if (present[i]) continue;
    return absl::InvalidArgumentError(absl::StrCat("graph ", num_graphs, ": ",
                                                   ColumnTitle(types_, columns_[i]->kind()),
                                                   " is missing; graph 0 has it"));
  }
  return absl::OkStatus();
}

absl::Span<const int64_t> IngestColumns::NumNodes(const GraphBlock& block, int type) const {
  if (spec_.collection) return block.num_nodes[type];
  return absl::MakeConstSpan(&spec_.num_nodes[type], 1);
}

absl::Status IngestColumns::CheckValues(const GraphBlock& block, int64_t num_graphs) {
  rows_seen_.resize(columns_.size());
  for (const ColumnBlock& column : block.columns) {
    int64_t& seen = rows_seen_[IndexOf(column)];
    GF_RETURN_IF_ERROR(CheckValues(block, column, num_graphs, seen));
    if (!spec_.collection) seen += NumRows(column, 1);
  }
  return absl::OkStatus();
}

absl::Status IngestColumns::CheckValues(const GraphBlock& block, const ColumnBlock& column,
                                        int64_t num_graphs, int64_t first_row) const {
  if (IsEmpty(types_, column, block.num_graphs)) return absl::OkStatus();
  if (column.name == "edge_index") {
    const EdgeType& type = types_.edge_types[column.type];
    return CheckEdgeIndex(types_, column,
                          {.first_graph = num_graphs,
                           .first_edge = first_row,
                           .num_source_nodes = NumNodes(block, type.source),
                           .num_target_nodes = NumNodes(block, type.target)});
  }
  const BlockPlace place{.first_graph = num_graphs, .first_row = first_row};
  GF_RETURN_IF_ERROR(CheckStrings(types_, column, place));
  // The level tells in a heterogeneous dataset only, where it is declared.
  for (const int type : IndexTypes(types_, column.level.value_or(Level::kNode), column.type,
                                   column.name, column.dtype)) {
    // What PyG shifts by its name alone need be no ids: a graph's number, a residue's.
    GF_RETURN_IF_ERROR(HoldsNodeIds(column.name, types_.heterogeneous, column.row_shape.empty())
                           ? CheckNodeIds(types_, column, place, type, NumNodes(block, type))
                           : CheckShiftable(types_, column, place));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
