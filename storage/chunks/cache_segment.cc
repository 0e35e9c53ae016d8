#include "storage/chunks/cache_segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace graphfeed {
namespace {

constexpr char kSegmentPrefix[] = "chunks.";

absl::Status SegmentError(uint32_t id, int error) {
  char buffer[128];
  const std::string message = absl::StrCat("\"", CacheSegment::NameOf(id),
                                           "\": ", strerror_r(error, buffer, sizeof(buffer)));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message)
                                            : absl::UnavailableError(message);
}

}  // namespace

std::string CacheSegment::NameOf(uint32_t id) { return absl::StrCat(kSegmentPrefix, id); }

bool CacheSegment::IsName(absl::string_view name) {
  uint32_t id = 0;
  return absl::ConsumePrefix(&name, kSegmentPrefix) && absl::SimpleAtoi(name, &id);
}

absl::StatusOr<std::unique_ptr<CacheSegment>> CacheSegment::Create(int folder_fd, uint32_t id) {
  const int fd = openat(folder_fd, NameOf(id).c_str(),
                        O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SegmentError(id, errno);
  return std::unique_ptr<CacheSegment>(new CacheSegment(folder_fd, fd, id));
}

CacheSegment::~CacheSegment() { close(fd_); }

void CacheSegment::Unlink() const { unlinkat(folder_fd_, NameOf(id_).c_str(), 0); }

ChunkKey CacheSegment::chunk(int64_t i) const {
  const PackedKey& key = chunks_[static_cast<size_t>(i)];
  return {.column = key.column, .chunk = key.chunk};
}

void CacheSegment::AddChunk(ChunkKey key) {
  chunks_.push_back({.column = key.column, .chunk = key.chunk});
}

absl::Status CacheSegment::Append(absl::string_view bytes) {
  int64_t end = bytes_;
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), end);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      absl::Status status = SegmentError(id_, written < 0 ? errno : EIO);
      (void)!ftruncate(fd_, bytes_);  // a full disk has its room back
      return status;
    }
    end += written;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  bytes_ = end;
  return absl::OkStatus();
}

void CacheSegment::WillRead(int64_t offset, int64_t bytes) const {
  (void)posix_fadvise(fd_, offset, bytes, POSIX_FADV_WILLNEED);
}

absl::StatusOr<size_t> CacheSegment::Read(int64_t offset, size_t bytes, char* to) const {
  size_t read = 0;
  while (read < bytes) {
    const ssize_t got = pread(fd_, to + read, bytes - read, offset + static_cast<int64_t>(read));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SegmentError(id_, errno);
    if (got == 0) break;
    read += static_cast<size_t>(got);
  }
  return read;
}

}  // namespace graphfeed
