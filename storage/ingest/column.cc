#include "storage/ingest/column.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/value_range.h"

namespace graphfeed {
namespace {

ColumnBlock WithoutRows(const ColumnBlock& block) {
  return {
      .name = block.name,
      .level = block.level,
      .type = block.type,
      .dtype = block.dtype,
      .row_shape = block.row_shape,
      // A list of edges is [2, num_edges] whatever the block says; lists of single values have
      // one axis only.
      .concat_last = (block.concat_last && !block.row_shape.empty()) || block.name == "edge_index",
      .zero_dim = block.zero_dim,
      .non_tensor = block.non_tensor,
      .sizes = {},
      .rows = {},
      .strings = {}};
}

std::string DescribeKind(const ColumnBlock& column) {
  return absl::StrCat(DTypeName(column.dtype), " of row shape [",
                      absl::StrJoin(column.row_shape, ", "), "]",
                      column.concat_last ? ", concatenated along the last axis" : "",
                      column.zero_dim ? ", 0-dim" : "", column.non_tensor ? ", a number" : "",
                      column.level ? absl::StrCat(", ", LevelName(*column.level), " level") : "");
}

}  // namespace

IngestColumn::IngestColumn(const Schema& types, const ColumnBlock& kind,
                           std::optional<Level> declared, int64_t first_graph, bool open)
    : collection_(types.collection),
      kind_(WithoutRows(kind)),
      declared_(declared),
      first_graph_(first_graph),
      open_(open) {}

absl::Status IngestColumn::CheckSameKind(const ColumnBlock& block, bool empty, int64_t num_graphs) {
  const ColumnBlock other = WithoutRows(block);
  if (other.level == kind_.level && !kind_.zero_dim && !kind_.non_tensor) {
    if (empty) return absl::OkStatus();
    if (open_ && !other.zero_dim && !other.non_tensor) {
      kind_ = other;
      first_graph_ = num_graphs;
      open_ = false;
      return absl::OkStatus();
    }
  }
  if (other.dtype == kind_.dtype && other.row_shape == kind_.row_shape &&
      other.concat_last == kind_.concat_last && other.zero_dim == kind_.zero_dim &&
      other.non_tensor == kind_.non_tensor && other.level == kind_.level) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "it is ", DescribeKind(other), "; in ",
      collection_ ? absl::StrCat("graph ", first_graph_) : std::string("an earlier block"),
      " it is ", DescribeKind(kind_)));
}

LevelQuestion IngestColumn::question() const {
  return {.name = kind_.name,
          .collection = collection_,
          .scalar = kind_.zero_dim || kind_.non_tensor,
          .strings = kind_.dtype == DType::kString,
          .declared = declared_};
}

absl::Status IngestColumn::Count(const RowCount& count, RowOffsets::Open open) {
  evidence_.Add(count);
  // A column that is open may still turn out to hold strings or numbers.
  if (MayVary(question())) GF_RETURN_IF_ERROR(row_offsets_.Add(count.rows, open));
  return declared_ ? CheckLevel(question(), *declared_, evidence_)
                   : CheckName(question(), evidence_);
}

void IngestColumn::SetWriters(ColumnWriter rows, std::optional<ColumnWriter> string_offsets) {
  rows_.emplace(std::move(rows));
  if (string_offsets) string_offsets_.emplace(*std::move(string_offsets));
}

absl::Status IngestColumn::Write(const ColumnBlock& block, int64_t num_rows) {
  num_rows_ += num_rows;
  if (kind_.dtype == DType::kString) return WriteStrings(block.strings);
  ExtendRange(kind_.dtype, block.rows, values_);
  if (kind_.dtype == DType::kBool) {
    const auto* range = std::get_if<IntRange>(&values_);
    if (range != nullptr && range->max > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("a bool has the value ", range->max, "; it is 0 or 1"));
    }
  }
  return rows_->Append(num_rows, block.rows);
}

absl::Status IngestColumn::WriteStrings(const std::vector<std::string>& strings) {
  std::string offsets;
  if (string_offsets_->num_rows() == 0) AppendInt64(0, offsets);
  for (const std::string& s : strings) {
    const auto size = static_cast<int64_t>(s.size());
    GF_RETURN_IF_ERROR(rows_->Append(size, s));
    string_bytes_ += size;
    AppendInt64(string_bytes_, offsets);
  }
  return string_offsets_->Append(static_cast<int64_t>(offsets.size() / sizeof(int64_t)), offsets);
}

absl::Status IngestColumn::Finish() {
  if (string_offsets_) {
    GF_RETURN_IF_ERROR(WriteStrings({}));  // the first offset, where there are no strings
    GF_RETURN_IF_ERROR(string_offsets_->Finish());
  }
  if (row_offsets_.varying()) GF_RETURN_IF_ERROR(row_offsets_.writer().Finish());
  return rows_->Finish();
}

std::optional<uint64_t> IngestColumn::DropRowOffsets(const ColumnSchema& schema) {
  if (schema.varying() || !row_offsets_.varying()) return std::nullopt;
  const uint64_t uid = row_offsets_.writer().stored().storage.uid;
  row_offsets_.Discard();
  return uid;
}

ColumnInfo IngestColumn::info() const {
  ColumnInfo info{.num_rows = num_rows_, .values = values_};
  if (row_offsets_.varying()) info.row_sizes = row_offsets_.Summary();
  return info;
}

absl::StatusOr<ColumnSchema> IngestColumn::MakeSchema(const Schema& types) const {
  GF_ASSIGN_OR_RETURN(const Level level, DecideLevel(question(), evidence_));
  ColumnSchema schema{.name = kind_.name,
                      .level = level,
                      .type = kind_.type,
                      .dtype = kind_.dtype,
                      .row_shape = kind_.row_shape,
                      .concat_last = kind_.concat_last,
                      .index_types = IndexTypes(types, level, kind_.type, kind_.name, kind_.dtype)};
  if (level == Level::kGraph) {
    schema.rows_per_graph =
        evidence_.against_graph() ? ColumnSchema::kVarying : evidence_.first().rows;
    schema.zero_dim = kind_.zero_dim;
    schema.non_tensor = kind_.non_tensor;
  }
  return schema;
}

StoredData IngestColumn::stored() const {
  StoredData data{.rows = rows_->stored(), .string_offsets = std::nullopt};
  if (string_offsets_) data.string_offsets = string_offsets_->stored();
  if (row_offsets_.varying()) data.row_offsets = row_offsets_.writer().stored();
  return data;
}

int64_t IngestColumn::memory_bytes() const {
  return (rows_ ? rows_->memory_bytes() : 0) +
         (string_offsets_ ? string_offsets_->memory_bytes() : 0) + row_offsets_.memory_bytes();
}

}  // namespace graphfeed
