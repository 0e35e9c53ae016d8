#include "storage/set_aside.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/base/status_macros.h"

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

int64_t SetAside::size() const {
  MutexLock lock(&mu_);
  return static_cast<int64_t>(columns_.size());
}

absl::Status SetAside::Load(absl::string_view value) {
  MutexLock lock(&mu_);
  GF_ASSIGN_OR_RETURN(columns_, DecodeSetAside(value));
  return absl::OkStatus();
}

absl::Status SetAside::Note(absl::Span<const uint64_t> unused, absl::Time now) {
  MutexLock lock(&mu_);
  SetAsideColumns columns = MergeSetAside(columns_, unused, now);
  return columns == columns_ ? absl::OkStatus() : Store(std::move(columns));
}

absl::Status SetAside::Remove(absl::Time now, absl::Duration after,
                              absl::FunctionRef<bool(uint64_t column)> in_use) {
  MutexLock lock(&mu_);
  const std::vector<uint64_t> due = DueColumns(columns_, now, after);
  if (due.empty()) return absl::OkStatus();
  std::vector<uint64_t> unused;
  for (const uint64_t column : due) {
    if (!in_use(column)) unused.push_back(column);
  }
  GF_RETURN_IF_ERROR(store_.DeleteColumns(unused));
  SetAsideColumns left = columns_;
  for (const uint64_t column : due) left.erase(column);
  return Store(std::move(left));
}

absl::Status SetAside::Store(SetAsideColumns columns) {
  GF_RETURN_IF_ERROR(columns.empty() ? store_.DeleteRecord(kSetAsideKey)
                                     : store_.PutRecord(kSetAsideKey, EncodeSetAside(columns)));
  columns_ = std::move(columns);
  return absl::OkStatus();
}

}  // namespace graphfeed
