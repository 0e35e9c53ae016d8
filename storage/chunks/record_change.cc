#include "storage/chunks/record_change.h"

#include "absl/strings/str_cat.h"

namespace graphfeed {

absl::Status ApplyChanges(absl::Span<const RecordChange> changes, RecordMap& records) {
  for (const RecordChange& change : changes) {
    const auto record = records.find(change.key);
    const bool as_read =
        record == records.end() ? !change.before.has_value() : change.before == record->second;
    if (as_read) continue;
    return absl::AbortedError(
        absl::StrCat("record \"", change.key, "\" was changed since it was read"));
  }
  for (const RecordChange& change : changes) {
    if (change.after.has_value()) {
      records.insert_or_assign(change.key, *change.after);
    } else {
      records.erase(change.key);
    }
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
