#include "storage/set_aside.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace graphfeed {

std::string EncodeSetAside(const SetAsideColumns& columns) {
  std::string text;
  for (const auto& [column, seen] : columns) {
    absl::StrAppend(&text, column, " ", absl::ToUnixSeconds(seen), "\n");
  }
  return text;
}

absl::StatusOr<SetAsideColumns> DecodeSetAside(absl::string_view text) {
  SetAsideColumns columns;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> fields = absl::StrSplit(line, ' ');
    uint64_t column = 0;
    int64_t seconds = 0;
    if (!absl::SimpleAtoi(fields.first, &column) || !absl::SimpleAtoi(fields.second, &seconds)) {
      return absl::DataLossError("the record of columns that await their removal is malformed");
    }
    columns[column] = absl::FromUnixSeconds(seconds);
  }
  return columns;
}

SetAsideColumns MergeSetAside(const SetAsideColumns& before, absl::Span<const uint64_t> unused,
                              absl::Time now) {
  now = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
  SetAsideColumns columns;
  for (const uint64_t column : unused) {
    const auto it = before.find(column);
    columns[column] = it == before.end() ? now : std::min(it->second, now);
  }
  return columns;
}

std::vector<uint64_t> DueColumns(const SetAsideColumns& columns, absl::Time now,
                                 absl::Duration after) {
  std::vector<uint64_t> due;
  for (const auto& [column, seen] : columns) {
    if (now - seen >= after) due.push_back(column);
  }
  return due;
}

absl::StatusOr<SetAsideColumns> SetAsideOf(const RecordMap& records) {
  return DecodeSetAside(FindRecord(records, kSetAsideKey).value_or(""));
}

RecordEdit SetAsideEdit(const SetAsideColumns& columns) {
  if (columns.empty()) return {std::string(kSetAsideKey), std::nullopt};
  return {std::string(kSetAsideKey), EncodeSetAside(columns)};
}

}  // namespace graphfeed
