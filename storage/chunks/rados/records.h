#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_RECORDS_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_RECORDS_H_

#include <atomic>
#include <cstdint>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

// All records are entries of one object, which has four attributes: "format", "id", which no other
// store has (none: an older program made it), "revision", which counts the changes, and "digest",
// of all entries at that revision (DigestHex of EncodeRecords, record_file.h). A change is one
// operation that fails unless the revision is the one that it was made for: so none is lost,
// however many clients change them, and records that have become fewer or others without it are
// found when they are read. Thread-safe.
class RadosRecords {
 public:
  static constexpr char kObject[] = "records";
  static constexpr char kFormat[] = "graphfeed-rados 1";

  // `pool` must outlive this.
  explicit RadosRecords(const RadosPool& pool) : pool_(pool) {}

  // Whether there are any. FAILED_PRECONDITION: of another format.
  absl::StatusOr<bool> Exist();
  // Makes the object unless there is one.
  absl::Status Create();
  // As of ChunkStore.
  absl::StatusOr<RecordMap> List();
  absl::Status Change(absl::Span<const RecordChange> changes);
  // FAILED_PRECONDITION: the records are no longer those that were read. Waits for nothing.
  absl::Status Health() const;
  int64_t bytes() const { return bytes_; }  // as last known
  int64_t read_bytes() const { return read_bytes_; }

 private:
  absl::Status Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Keeps id and revision of what was read, unless that belongs to another store.
  absl::Status Take(const RecordMap& attributes, int64_t revision)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether a part of them was enough to know them.
  absl::StatusOr<bool> ReadPart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountRead(const RecordMap& entries);
  void Know(RecordMap records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes `after` of the records if the revision is as it is known. ABORTED: it is another.
  absl::Status Write(const RecordMap& after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const RadosPool& pool_;
  Mutex mu_;  // also held while the cluster is asked: changes of one process take turns
  bool known_ ABSL_GUARDED_BY(mu_) = false;
  int64_t revision_ ABSL_GUARDED_BY(mu_) = -1;  // of records_; -1: they were never read
  std::string id_ ABSL_GUARDED_BY(mu_);         // empty: it has none
  std::atomic<bool> replaced_{false};
  RecordMap records_ ABSL_GUARDED_BY(mu_);
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> read_bytes_{0};
  std::set<std::string> changing_ ABSL_GUARDED_BY(mu_);  // keys of which the value became another
  int parts_read_ ABSL_GUARDED_BY(mu_) = 0;              // since all was
  // A change that failed may still be made.
  bool uncertain_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_RECORDS_H_
