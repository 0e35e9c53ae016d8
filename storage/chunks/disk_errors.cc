#include "storage/chunks/disk_errors.h"

#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

constexpr char kDiskFullPayload[] = "graphfeed/disk-full";
std::atomic<int64_t> num_disk_full{0};

}  // namespace

absl::Status FileError(int error, absl::string_view what) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return DiskFullError(text);
    case ECANCELED:
      return absl::CancelledError(text);
    case ENOENT:
      return absl::NotFoundError(text);
    case EROFS:
    case EACCES:
    case EPERM:
      return absl::FailedPreconditionError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::Status DiskFullError(absl::string_view what) {
  num_disk_full.fetch_add(1, std::memory_order_relaxed);
  absl::Status status = absl::ResourceExhaustedError(absl::StrCat("the disk is full: ", what));
  status.SetPayload(kDiskFullPayload, absl::Cord());
  return status;
}

int64_t DiskFullErrors() { return num_disk_full.load(std::memory_order_relaxed); }

bool IsDiskFull(const absl::Status& status) {
  return status.GetPayload(kDiskFullPayload).has_value();
}

}  // namespace graphfeed
