#include "server/logging/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status CannotBeOpened(const std::string& path, int why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--audit-log: \"", path, "\"; cannot be opened: ", std::strerror(why)));
}

absl::StatusOr<int> OpenToAppend(const std::string& path) {
  int fd = -1;
  do {
    // Of a pipe: one that nobody reads is refused, and one that is full loses the line.
    fd =
        open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return CannotBeOpened(path, errno);
  return fd;
}

}  // namespace

absl::Status AuditFile::Check(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return CannotBeOpened(path, EISDIR);
    if (S_ISSOCK(status.st_mode)) return CannotBeOpened(path, ENXIO);
    return access(path.c_str(), W_OK) == 0 ? absl::OkStatus() : CannotBeOpened(path, errno);
  }
  if (errno != ENOENT) return CannotBeOpened(path, errno);
  std::error_code error;
  if (const std::filesystem::path target = std::filesystem::read_symlink(path, error); !error) {
    // A link to what is not there yet: that is made. stat has refused those that go round.
    return Check(std::filesystem::path(path).parent_path() / target);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return access(folder.c_str(), W_OK | X_OK) == 0 ? absl::OkStatus() : CannotBeOpened(path, errno);
}

absl::StatusOr<std::unique_ptr<AuditFile>> AuditFile::Open(std::string path) {
  GF_ASSIGN_OR_RETURN(const int fd, OpenToAppend(path));
  return std::unique_ptr<AuditFile>(new AuditFile(std::move(path), fd));
}

AuditFile::~AuditFile() {
  MutexLock lock(&mu_);
  close(fd_);
}

absl::Status AuditFile::Append(absl::string_view line) {
  std::string mended;
  MutexLock lock(&mu_);
  if (broken_) {
    mended = absl::StrCat("\n", line);
    line = mended;
  }
  while (!line.empty()) {
    const ssize_t written = write(fd_, line.data(), line.size());
    if (written >= 0) {
      line.remove_prefix(static_cast<size_t>(written));
      broken_ = !line.empty();
    } else if (errno != EINTR) {
      return absl::UnavailableError(
          absl::StrCat("writing \"", path_, "\": ", std::strerror(errno)));
    }
  }
  return absl::OkStatus();
}

absl::Status AuditFile::Reopen() {
  GF_ASSIGN_OR_RETURN(const int fd, OpenToAppend(path_));
  int old = fd;
  {
    MutexLock lock(&mu_);
    std::swap(old, fd_);
    broken_ = false;
  }
  close(old);
  return absl::OkStatus();
}

}  // namespace graphfeed
