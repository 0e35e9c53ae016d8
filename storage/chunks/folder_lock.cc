#include "storage/chunks/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace graphfeed {
namespace {

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

FolderLock::FolderLock(std::string folder, int fd) : folder_(std::move(folder)), fd_(fd) {
  path_ = absl::StrCat("/proc/self/fd/", fd);
  struct stat locked;
  struct stat reached;
  if (fstat(fd_, &locked) != 0 || stat(path_.c_str(), &reached) != 0 ||
      !SameFile(locked, reached)) {
    path_ = folder_;  // no /proc
  }
}

FolderLock::~FolderLock() { (void)close(fd_); }

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Acquire(const std::string& folder,
                                                                Kind kind) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    return error == EMFILE || error == ENFILE
               ? absl::UnavailableError(absl::ErrnoToStatus(error, folder).message())
               : absl::ErrnoToStatus(error, absl::StrCat("cannot open the folder ", folder));
  }
  std::unique_ptr<FolderLock> lock(new FolderLock(folder, fd));
  if (flock(fd, (kind == Kind::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat("another process uses the data folder ", folder));
  }
  // Other errors: a file system that cannot lock folders. RocksDB's own lock file remains.
  if (absl::Status status = lock->Check(); !status.ok()) return status;  // moved in this moment
  return lock;
}

std::string FolderLock::WithName(const std::string& text) const {
  return path_ == folder_ ? text : absl::StrReplaceAll(text, {{path_, folder_}});
}

absl::Status FolderLock::Check() const {
  struct stat locked;
  struct stat named;
  if (fstat(fd_, &locked) == 0 && stat(folder_.c_str(), &named) == 0 && SameFile(locked, named)) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "the data folder ", folder_,
      " was moved, removed or replaced while it was in use; nothing is written any more"));
}

bool IsReadOnlyFolder(const std::string& dir) {
  return faccessat(AT_FDCWD, dir.c_str(), W_OK, AT_EACCESS) != 0 &&
         (errno == EROFS || errno == EACCES);
}

}  // namespace graphfeed
