#include "storage/ingest/added_column.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/column_writer.h"
#include "storage/ingest/column_levels.h"
#include "storage/ingest/value_check.h"
#include "storage/ingest/value_range.h"

namespace graphfeed {
namespace {

absl::Status CheckBlock(const DatasetInfo& info, const ColumnBlock& column) {
  const std::string title = absl::StrCat("column \"", column.name, "\"");
  if (column.level.value_or(Level::kNode) != Level::kNode || column.zero_dim || column.non_tensor) {
    return absl::InvalidArgumentError(
        absl::StrCat(title, ": only node level columns can be added to a version"));
  }
  if (!IsInteger(column.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(title, " is ", DTypeName(column.dtype),
                                                   "; only integers can be added to a version"));
  }
  const auto num_types = static_cast<int>(info.schema.node_types.size());
  if (column.type < 0 || column.type >= num_types) {
    return absl::InvalidArgumentError(
        absl::StrCat(title, ": node type ", column.type, "; there are ", num_types));
  }
  if (info.schema.FindColumn(Level::kNode, column.type, column.name) >= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(title, " exists already in \"", info.name, "@", info.version, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Manifest> WithColumn(IngestHost& host, const Manifest& base,
                                    const ColumnBlock& column, int64_t chunk_bytes,
                                    NewColumns& columns) {
  GF_RETURN_IF_ERROR(CheckBlock(base.info, column));
  Manifest manifest = base;
  DatasetInfo& info = manifest.info;
  info.version = 0;  // the next one
  const ColumnSchema schema{
      .name = column.name,
      .level = Level::kNode,
      .type = column.type,
      .dtype = column.dtype,
      .row_shape = column.row_shape,
      .concat_last = column.concat_last,
      .index_types = IndexTypes(info.schema, Level::kNode, column.type, column.name, column.dtype)};
  info.schema.columns.push_back(schema);
  GF_RETURN_IF_ERROR(ValidateSchema(info.schema));
  const int64_t num_rows = info.num_nodes[column.type];
  const auto num_bytes = static_cast<int64_t>(column.rows.size());
  if (static_cast<__int128>(num_rows) * schema.row_bytes() != num_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("column \"", column.name, "\" has ", num_bytes,
                                                   " bytes; ", num_rows, " nodes need ",
                                                   schema.row_bytes(), " each"));
  }
  for (const int type : schema.index_types) {
    if (info.schema.collection) {
      return absl::InvalidArgumentError(
          absl::StrCat("column \"", column.name, "\" holds node ids, by its name; to a collection ",
                       "such a column can only be given at ingest"));
    }
    GF_RETURN_IF_ERROR(CheckNodeIds(info.schema, column, {}, type, {&num_rows, 1}));
  }

  GF_ASSIGN_OR_RETURN(const uint64_t uid, columns.Add());
  ColumnWriter writer(
      host.store(), uid, schema.row_bytes(),
      info.schema.collection ? chunk_bytes : ChunkBytesOfLookups(schema.row_bytes(), chunk_bytes));
  GF_RETURN_IF_ERROR(writer.Append(num_rows, column.rows));
  GF_RETURN_IF_ERROR(writer.Finish());
  manifest.columns.push_back({.rows = writer.stored(), .string_offsets = std::nullopt});
  ColumnInfo& added = info.columns.emplace_back();
  added.num_rows = num_rows;
  ExtendRange(column.dtype, column.rows, added.values);
  info.raw_bytes = RawBytes(manifest);
  info.fingerprint = ComputeFingerprint(manifest);
  return manifest;
}

}  // namespace graphfeed
