#ifndef GRAPHFEED_STORAGE_SET_ASIDE_H_
#define GRAPHFEED_STORAGE_SET_ASIDE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/records.h"

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

// What the records say, and the change that makes them say `columns`.
absl::StatusOr<SetAsideColumns> SetAsideOf(const RecordMap& records);
RecordEdit SetAsideEdit(const SetAsideColumns& columns);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SET_ASIDE_H_
