#include "storage/chunks/rados/writer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

// What is written at a time. One piece is on its way while the next is collected.
constexpr size_t kPieceBytes = size_t{256} << 10;
constexpr size_t kRemovalsInFlight = 16;
constexpr int64_t kRemovedBetweenChecks = 16;
// An entry speaks of so many objects more than there are, so that it changes rarely.
constexpr int64_t kObjectsClaimed = 64;
// What an OSD takes in one operation is osd_max_write_size, 90 MiB.
constexpr int64_t kMaxChunkBytes = int64_t{80} << 20;

}  // namespace

RadosWriter::RadosWriter(const RadosPool& pool, uint64_t column, int64_t chunk_bytes,
                         std::atomic<int64_t>& stored_bytes)
    : pool_(pool),
      column_(column),
      chunk_bytes_(chunk_bytes),
      stored_bytes_(stored_bytes),
      calls_(pool) {
  entry_.stored = true;
  entry_.chunk_bytes = chunk_bytes;
  entry_.chunks_per_object =
      chunk_bytes == 0 ? 0 : std::max<int64_t>(1, kObjectBytes / chunk_bytes);
}

RadosWriter::~RadosWriter() {
  if (finished_) return;
  (void)Drain();
  const WorkScope whoever_waits{CancelToken()};
  // What cannot be removed now is swept.
  if (claimed_ > 0) (void)RemoveColumn(pool_, column_, {.objects = entry_.objects});
}

absl::Status RadosWriter::Drain() {
  while (calls_.in_flight() > 0) failed_.Update(calls_.Next().status);
  in_flight_bytes_ = 0;
  return failed_;
}

absl::Status RadosWriter::ChangeEntry(const ColumnEntry& entry) {
  const std::string key = ColumnKey(column_);
  const std::string value = EncodeColumnEntry(column_, entry);
  const Librados& api = pool_.api();
  WriteOp op = NewWriteOp(pool_);
  // "" is what a comparison finds where there is no entry.
  int result = 0;
  api.rados_write_op_assert_exists(op.get());
  api.rados_write_op_omap_cmp2(op.get(), key.data(), LIBRADOS_CMPXATTR_OP_EQ, stored_entry_.data(),
                               key.size(), stored_entry_.size(), &result);
  const char* const keys[] = {key.data()};
  const char* const values[] = {value.data()};
  const size_t key_bytes[] = {key.size()};
  const size_t value_bytes[] = {value.size()};
  api.rados_write_op_omap_set2(op.get(), keys, values, key_bytes, value_bytes, 1);
  const RadosCalls::Done done = Operate(pool_, std::move(op), kColumnsObject);
  if (done.result == -ECANCELED) {
    return absl::AbortedError(absl::StrCat(
        "column ", column_,
        " is no longer this writer's: it was not heard of for so long that another server has "
        "taken it for dead and removed what it wrote; ingest it again"));
  }
  GF_RETURN_IF_ERROR(done.status);
  stored_entry_ = value;
  return absl::OkStatus();
}

absl::Status RadosWriter::Flush() {
  GF_RETURN_IF_ERROR(Drain());
  if (entry_.objects > claimed_) {
    claimed_ = entry_.objects + kObjectsClaimed;
    failed_ = ChangeEntry({.objects = claimed_});
    GF_RETURN_IF_ERROR(failed_);
  }
  WriteOp op = NewWriteOp(pool_);
  pool_.api().rados_write_op_write(op.get(), buffer_.data(), buffer_.size(), object_bytes_);
  calls_.Start(std::move(op), ObjectName(column_, entry_.objects - 1), 0);
  in_flight_bytes_ = static_cast<int64_t>(buffer_.size());
  object_bytes_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status RadosWriter::Add(uint32_t chunk, absl::string_view value) {
  GF_RETURN_IF_ERROR(failed_);
  const auto bytes = static_cast<int64_t>(value.size());
  if (chunk != entry_.chunks) {
    return absl::InvalidArgumentError(absl::StrCat("chunk ", chunk, " of column ", column_,
                                                   " where ", entry_.chunks, " is expected"));
  }
  if (bytes > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("chunk ", chunk, " of column ", column_, " has ",
                                                   bytes, " bytes; RADOS takes at most ",
                                                   kMaxChunkBytes, " in one piece"));
  }
  if (chunk_bytes_ > 0 &&
      (bytes > chunk_bytes_ || bytes == 0 || entry_.bytes != entry_.chunks * chunk_bytes_)) {
    return absl::InternalError(absl::StrCat("chunks of column ", column_, " are not of ",
                                            chunk_bytes_, " bytes, as was promised"));
  }
  const uint64_t end = object_bytes_ + buffer_.size();
  const bool full = chunk_bytes_ > 0
                        ? object_chunks_ == entry_.chunks_per_object
                        : static_cast<int64_t>(end + value.size()) > kObjectBytes && end > 0;
  if (full && !buffer_.empty()) GF_RETURN_IF_ERROR(Flush());
  if (full || entry_.objects == 0) {
    ++entry_.objects;
    object_bytes_ = 0;
    object_chunks_ = 0;
  }
  if (chunk_bytes_ == 0) {
    places_.push_back({.object = entry_.objects - 1,
                       .offset = object_bytes_ + buffer_.size(),
                       .bytes = value.size()});
  }
  buffer_.append(value.data(), value.size());
  ++object_chunks_;
  ++entry_.chunks;
  entry_.bytes += bytes;
  if (buffer_.size() >= kPieceBytes) return Flush();
  return absl::OkStatus();
}

absl::Status RadosWriter::Finish() {
  GF_RETURN_IF_ERROR(failed_);
  if (entry_.chunks > 0) {
    if (!buffer_.empty() || object_bytes_ == 0) GF_RETURN_IF_ERROR(Flush());
    if (chunk_bytes_ == 0) {
      const std::string table = EncodeTable(column_, places_);
      WriteOp op = NewWriteOp(pool_);
      pool_.api().rados_write_op_write_full(op.get(), table.data(), table.size());
      calls_.Start(std::move(op), TableName(column_), 0);
    }
    GF_RETURN_IF_ERROR(Drain());
    failed_ = ChangeEntry(entry_);
    GF_RETURN_IF_ERROR(failed_);
    stored_bytes_ += entry_.bytes;
  }
  finished_ = true;
  return absl::OkStatus();
}

int64_t RadosWriter::memory_bytes() const {
  return static_cast<int64_t>(buffer_.capacity() + places_.capacity() * sizeof(ChunkPlace)) +
         in_flight_bytes_;
}

absl::Status RemoveColumn(const RadosPool& pool, uint64_t column, const ColumnEntry& entry) {
  absl::Status status;
  {
    RadosCalls calls(pool);
    const auto drain = [&](size_t in_flight) {
      while (calls.in_flight() > in_flight) {
        const RadosCalls::Done done = calls.Next();
        if (done.result != -ENOENT) status.Update(done.status);
      }
    };
    const auto remove = [&](const std::string& object) {
      drain(kRemovalsInFlight - 1);
      WriteOp op = NewWriteOp(pool);
      pool.api().rados_write_op_remove(op.get());
      calls.Start(std::move(op), object, 0);
    };
    if (entry.chunk_bytes == 0) remove(TableName(column));
    for (int64_t object = 0; object < entry.objects && status.ok(); ++object) {
      remove(ObjectName(column, object));
      if (object % kRemovedBetweenChecks == 0) status.Update(CheckWanted());
    }
    drain(0);
  }
  GF_RETURN_IF_ERROR(status);
  const std::string key = ColumnKey(column);
  const char* const keys[] = {key.data()};
  const size_t key_bytes[] = {key.size()};
  WriteOp op = NewWriteOp(pool);
  pool.api().rados_write_op_assert_exists(op.get());
  pool.api().rados_write_op_omap_rm_keys2(op.get(), keys, key_bytes, 1);
  const RadosCalls::Done done = Operate(pool, std::move(op), kColumnsObject);
  return done.result == -ENOENT ? absl::OkStatus() : done.status;
}

}  // namespace graphfeed
