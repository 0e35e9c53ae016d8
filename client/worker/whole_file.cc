#include "client/worker/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

absl::Status WriteError(const std::string& path, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot write \"", path, "\""));
}

int WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

int SyncFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  (void)close(fd);
  return error;
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const auto cannot = [&](absl::string_view why) {
    return absl::NotFoundError(absl::StrCat("cannot read \"", path, "\": ", why));
  };
  struct stat kind = {};
  if (stat(path.c_str(), &kind) != 0) return cannot(std::strerror(errno));
  if (!S_ISREG(kind.st_mode)) return cannot("it is no regular file");
  std::ifstream stream(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream.is_open() || stream.bad()) return cannot(std::strerror(errno));
  return bytes;
}

absl::Status WriteWholeFile(const std::string& path, const std::vector<absl::string_view>& parts) {
  const std::string unfinished = absl::StrCat(path, kUnfinished);
  const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return WriteError(path, errno);
  int error = 0;
  for (const absl::string_view part : parts) {
    if (error == 0) error = WriteAll(fd, part);
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(unfinished.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) error = SyncFolder(path);
  if (error == 0) return absl::OkStatus();
  (void)std::remove(unfinished.c_str());
  return WriteError(path, error);
}

}  // namespace graphfeed
