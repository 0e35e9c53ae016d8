#include "storage/chunks/rados/column_entry.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/base/digest.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr size_t kTableRowBytes = 24;  // object, offset, bytes
constexpr size_t kHashDigits = 16;

std::string HashText(uint64_t column, absl::string_view text) {
  return absl::StrCat(absl::Hex(Hash64(text, column), absl::kZeroPad16));
}

absl::Status BadEntry(uint64_t column) {
  return absl::DataLossError(
      absl::StrCat("the entry of column ", column, " in \"", kColumnsObject, "\" is damaged"));
}

}  // namespace

std::string ColumnKey(uint64_t column) { return absl::StrCat(absl::Hex(column, absl::kZeroPad16)); }

absl::StatusOr<uint64_t> ColumnOfKey(absl::string_view key) {
  uint64_t column = 0;
  if (key.size() == 16 && absl::SimpleHexAtoi(key, &column)) return column;
  return absl::DataLossError(
      absl::StrCat("\"", key, "\" in \"", kColumnsObject, "\" is the key of no column"));
}

std::string ObjectName(uint64_t column, int64_t object) {
  return absl::StrCat(ColumnKey(column), ".", absl::Hex(object, absl::kZeroPad8));
}

std::string TableName(uint64_t column) { return absl::StrCat(ColumnKey(column), ".table"); }

std::string EncodeColumnEntry(uint64_t column, const ColumnEntry& entry) {
  std::string text = entry.stored
                         ? absl::StrCat("stored ", entry.chunk_bytes, " ", entry.chunks_per_object,
                                        " ", entry.chunks, " ", entry.bytes, " ", entry.objects)
                         : absl::StrCat("begun ", entry.objects);
  absl::StrAppend(&text, " ", HashText(column, text));
  return text;
}

absl::StatusOr<ColumnEntry> DecodeColumnEntry(uint64_t column, absl::string_view text) {
  std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
  const absl::string_view hash = words.back();
  words.pop_back();
  if (words.empty() || hash != HashText(column, text.substr(0, text.size() - hash.size() - 1))) {
    return BadEntry(column);
  }
  ColumnEntry entry;
  entry.stored = words[0] == "stored";
  std::vector<int64_t*> fields = {&entry.objects};
  if (entry.stored) {
    fields = {&entry.chunk_bytes, &entry.chunks_per_object, &entry.chunks, &entry.bytes,
              &entry.objects};
  }
  if (words.size() != fields.size() + 1 || (!entry.stored && words[0] != "begun")) {
    return BadEntry(column);
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!absl::SimpleAtoi(words[i + 1], fields[i]) || *fields[i] < 0) return BadEntry(column);
  }
  if (entry.stored && entry.chunk_bytes > 0 &&
      (entry.chunks_per_object < 1 || entry.chunks < 1 ||
       entry.bytes <= (entry.chunks - 1) * entry.chunk_bytes ||
       entry.bytes > entry.chunks * entry.chunk_bytes)) {
    return BadEntry(column);
  }
  return entry;
}

absl::StatusOr<ColumnPlaces> ColumnPlaces::Create(uint64_t column, const ColumnEntry& entry,
                                                  absl::string_view table) {
  ColumnPlaces places;
  places.entry_ = entry;
  if (entry.chunk_bytes > 0) return places;
  const absl::string_view rows = table.substr(0, TableBytes(entry) - kHashDigits);
  if (table.size() != TableBytes(entry) || table.substr(rows.size()) != HashText(column, rows)) {
    return absl::DataLossError(absl::StrCat("\"", TableName(column), "\" is damaged"));
  }
  for (const char* row = rows.data(); row != rows.data() + rows.size(); row += kTableRowBytes) {
    places.places_.push_back({.object = static_cast<int64_t>(LoadLittleEndian<uint64_t>(row)),
                              .offset = LoadLittleEndian<uint64_t>(row + 8),
                              .bytes = LoadLittleEndian<uint64_t>(row + 16)});
  }
  return places;
}

ChunkPlace ColumnPlaces::PlaceOf(uint32_t chunk) const {
  if (entry_.chunk_bytes == 0) return places_[chunk];
  const int64_t first = chunk * entry_.chunk_bytes;
  return {.object = chunk / entry_.chunks_per_object,
          .offset = static_cast<uint64_t>(chunk % entry_.chunks_per_object * entry_.chunk_bytes),
          .bytes = static_cast<uint64_t>(std::min(entry_.chunk_bytes, entry_.bytes - first))};
}

size_t TableBytes(const ColumnEntry& entry) {
  return static_cast<size_t>(entry.chunks) * kTableRowBytes + kHashDigits;
}

std::string EncodeTable(uint64_t column, const std::vector<ChunkPlace>& places) {
  std::string table;
  table.reserve(places.size() * kTableRowBytes + kHashDigits);
  for (const ChunkPlace& place : places) {
    AppendInt64(place.object, table);
    AppendInt64(static_cast<int64_t>(place.offset), table);
    AppendInt64(static_cast<int64_t>(place.bytes), table);
  }
  table += HashText(column, table);
  return table;
}

}  // namespace graphfeed
