#ifndef GRAPHFEED_STORAGE_SERVERS_H_
#define GRAPHFEED_STORAGE_SERVERS_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// Servers that share a store. Each has a record in it, which it changes again and again: that is
// its lease of the columns that the record names. Who has not changed it for long is taken for
// dead, whatever the clocks of the machines say, and its record is removed; a server that was only
// slow finds that out with its next change, since every change of its own asks for the record.

inline constexpr absl::string_view kServerPrefix = "server/";

// Columns `first` to `end` - 1.
struct ColumnRange {
  uint64_t first = 0;
  uint64_t end = 0;

  bool Contains(uint64_t column) const { return first <= column && column < end; }
  friend bool operator==(const ColumnRange&, const ColumnRange&) = default;
};

// The same columns in as few ranges as they need, ascending.
std::vector<ColumnRange> Joined(std::vector<ColumnRange> ranges);

struct ServerRecord {
  uint64_t beat = 0;                // counts the changes
  std::vector<ColumnRange> writes;  // of ingests that are not published yet
  std::vector<uint64_t> reads;      // of versions that it has open and that have been deleted

  bool Uses(uint64_t column) const;
  friend bool operator==(const ServerRecord&, const ServerRecord&) = default;
};

// As a record: lines "beat N", "writes FIRST END" and "reads COLUMN". DATA_LOSS for anything else.
std::string EncodeServer(const ServerRecord& server);
absl::StatusOr<ServerRecord> DecodeServer(absl::string_view text);

// Those of the records that are of servers; these decoded, by key. DATA_LOSS names the record.
RecordMap ServerRecordsOf(const RecordMap& records);
absl::StatusOr<std::map<std::string, ServerRecord>> ServersOf(const RecordMap& records);

// For how long values have not changed, as this process saw it: a time in which it could not look
// counts for at most `max_gap`, since nobody else may have been able to change anything either.
// What is looked at grows older with every look, however long the looks take. Not thread-safe.
class Unchanged {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit Unchanged(absl::Duration max_gap = absl::InfiniteDuration()) : max_gap_(max_gap) {}

  // The values that there are at `now`, by name.
  void Observe(const RecordMap& values, TimePoint now);
  // Names that have had their value for `duration` or longer, ascending.
  std::vector<std::string> For(absl::Duration duration) const;

 private:
  struct Value {
    std::string value;
    absl::Duration age;
  };
  const absl::Duration max_gap_;
  std::optional<TimePoint> observed_;
  std::map<std::string, Value> values_;
};

// Which columns are set aside such that every server knows. A server changes its record only in one
// change with the columns that it has seen set aside, naming those that it reads: whoever has
// changed it after a column was set aside, and does not name it, will not read it any more. Not
// thread-safe.
class KnownAside {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // The columns that are set aside at `now`, and since when by the clock of whoever did it.
  void Observe(const std::map<uint64_t, absl::Time>& columns, const RecordMap& records,
               TimePoint now);
  // Whether the column was first seen set aside `duration` ago or earlier, and all servers know
  // that have these records.
  bool IsKnown(uint64_t column, TimePoint now, absl::Duration duration,
               const RecordMap& servers) const;

 private:
  struct Seen {
    absl::Time set_aside;
    TimePoint first;
    std::shared_ptr<const RecordMap> servers;  // their records at that moment
  };
  std::map<uint64_t, Seen> columns_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SERVERS_H_
