#include "storage/records.h"

#include <utility>

#include "storage/base/status_macros.h"
#include "storage/chunks/record_change.h"

namespace graphfeed {

std::optional<std::string> FindRecord(const RecordMap& records, absl::string_view key) {
  const auto record = records.find(key);
  return record == records.end() ? std::nullopt : std::optional(record->second);
}

RecordMap Records::Copy() const {
  MutexLock lock(&mu_);
  return records_;
}

absl::Status Records::Refresh() {
  MutexLock lock(&mu_);
  return RefreshLocked();
}

absl::Status Records::RefreshLocked() {
  GF_ASSIGN_OR_RETURN(RecordMap read, store_.ListRecords());
  std::vector<RecordChange> changes;
  for (const auto& [key, value] : read) {
    std::optional<std::string> before = FindRecord(records_, key);
    if (before != value) changes.push_back({key, std::move(before), value});
  }
  for (const auto& [key, value] : records_) {
    if (!read.contains(key)) changes.push_back({key, value, std::nullopt});
  }
  GF_RETURN_IF_ERROR(on_change_(read, changes));
  records_ = std::move(read);
  return absl::OkStatus();
}

absl::Status Records::Update(Edit edit) {
  MutexLock lock(&mu_);
  // Whoever is aborted was overtaken by somebody who was not, so all come to their end.
  while (true) {
    GF_ASSIGN_OR_RETURN(std::vector<RecordEdit> edits, edit(records_));
    std::vector<RecordChange> changes;
    for (RecordEdit& change : edits) {
      std::optional<std::string> before = FindRecord(records_, change.key);
      changes.push_back({std::move(change.key), std::move(before), std::move(change.value)});
    }
    const absl::Status status = store_.ChangeRecords(changes);
    if (absl::IsAborted(status)) {
      GF_RETURN_IF_ERROR(RefreshLocked());
      continue;
    }
    GF_RETURN_IF_ERROR(status);
    RecordMap records = records_;
    GF_RETURN_IF_ERROR(ApplyChanges(changes, records));
    GF_RETURN_IF_ERROR(on_change_(records, changes));
    records_ = std::move(records);
    return absl::OkStatus();
  }
}

}  // namespace graphfeed
