#ifndef GRAPHFEED_STORAGE_RECORDS_H_
#define GRAPHFEED_STORAGE_RECORDS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// What a record becomes; nullopt: it is removed. With the value that it has, it must not change.
struct RecordEdit {
  std::string key;
  std::optional<std::string> value;
};

// The records of a store as they were last read, and changes of them that other servers' changes
// cannot run into. Thread-safe.
class Records {
 public:
  // Called for whatever has changed, by this server or by others, before anyone sees it; one call
  // at a time. Unless it is OK, the records stay as they were known.
  using OnChange =
      std::function<absl::Status(const RecordMap& records, absl::Span<const RecordChange> changes)>;
  // What should change, seeing the records as they are; an error gives up.
  using Edit = absl::FunctionRef<absl::StatusOr<std::vector<RecordEdit>>(const RecordMap& records)>;

  // `store` outlives this.
  Records(ChunkStore& store, OnChange on_change)
      : store_(store), on_change_(std::move(on_change)) {}

  // Reads them.
  absl::Status Refresh();
  // Makes the changes that `edit` asks for, all or none. Where another server was faster, reads
  // again and asks again. After an error of the store they may have been made nevertheless.
  absl::Status Update(Edit edit);

  RecordMap Copy() const;

 private:
  absl::Status RefreshLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ChunkStore& store_;
  const OnChange on_change_;
  mutable Mutex mu_;
  RecordMap records_ ABSL_GUARDED_BY(mu_);
};

// The value of a record, nullopt where there is none.
std::optional<std::string> FindRecord(const RecordMap& records, absl::string_view key);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_RECORDS_H_
