#ifndef GRAPHFEED_STORAGE_SET_ASIDE_H_
#define GRAPHFEED_STORAGE_SET_ASIDE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// The name of the record.
inline constexpr absl::string_view kSetAsideKey = "set_aside";

// Columns that no version uses, by uid, and when they were first seen so, in whole seconds.
using SetAsideColumns = std::map<uint64_t, absl::Time>;

// As a record: "UID SECONDS" lines, ascending, seconds since 1970.
std::string EncodeSetAside(const SetAsideColumns& columns);
absl::StatusOr<SetAsideColumns> DecodeSetAside(absl::string_view text);

// The columns of `unused`; those that are new among them were first seen `now`, and so were those
// that a clock which was wrong saw in the future.
SetAsideColumns MergeSetAside(const SetAsideColumns& before, absl::Span<const uint64_t> unused,
                              absl::Time now);

// Those that were first seen `after` ago or earlier.
std::vector<uint64_t> DueColumns(const SetAsideColumns& columns, absl::Time now,
                                 absl::Duration after);

// The columns of a store that await their removal, and the record of them. Thread-safe.
class SetAside {
 public:
  explicit SetAside(ChunkStore& store) : store_(store) {}

  int64_t size() const;

  // The record's value, as it is in the store.
  absl::Status Load(absl::string_view value);
  // `unused` are the columns that a start found in no version.
  absl::Status Note(absl::Span<const uint64_t> unused, absl::Time now);
  // Removes those that were first seen `after` ago, but for what is in use after all.
  absl::Status Remove(absl::Time now, absl::Duration after,
                      absl::FunctionRef<bool(uint64_t column)> in_use);

 private:
  absl::Status Store(SetAsideColumns columns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ChunkStore& store_;
  mutable Mutex mu_;
  SetAsideColumns columns_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SET_ASIDE_H_
