#include "server/access/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

absl::Status Unreadable(const std::string& path, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("\"", path, "\"; cannot be read: ", why));
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Unreadable(path, std::strerror(errno));
  const auto close_file = absl::MakeCleanup([fd] { (void)close(fd); });
  struct stat status = {};
  if (fstat(fd, &status) != 0) return Unreadable(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Unreadable(path, "no regular file");
  std::string text;
  while (true) {
    char piece[1 << 14];
    const ssize_t count = read(fd, piece, sizeof(piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unreadable(path, std::strerror(errno));
    if (count == 0) return text;
    text.append(piece, static_cast<size_t>(count));
    if (static_cast<int64_t>(text.size()) > kMaxSmallFileBytes) {
      return Unreadable(path, absl::StrCat("larger than ", kMaxSmallFileBytes, " bytes"));
    }
  }
}

}  // namespace graphfeed
