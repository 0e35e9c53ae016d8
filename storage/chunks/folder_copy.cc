#include "storage/chunks/folder_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/disk_errors.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr size_t kCopyBytes = 256 << 10;

// 0, or the error.
int Sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  (void)close(fd);
  return error;
}

// 0, or the error.
int CopyBytes(int from, int to) {
  std::string buffer(kCopyBytes, '\0');
  while (true) {
    if (!CheckWanted().ok()) return ECANCELED;
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return fsync(to) == 0 ? 0 : errno;
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          write(to, &buffer[static_cast<size_t>(done)], static_cast<size_t>(count - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      done += written;
    }
  }
}

// Of std::filesystem's errors none says that the disk is full.
absl::Status CopyFile(const std::string& from, const std::string& to) {
  const int source = open(from.c_str(), O_RDONLY | O_CLOEXEC);
  if (source < 0) return FileError(errno, absl::StrCat("reading ", from));
  const int target = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  int error = target < 0 ? errno : CopyBytes(source, target);
  (void)close(source);
  if (target >= 0 && close(target) != 0 && error == 0) error = errno;
  return error == 0 ? absl::OkStatus() : FileError(error, absl::StrCat("copying to ", to));
}

}  // namespace

absl::Status MakeFolder(const std::string& to,
                        absl::FunctionRef<absl::Status(const std::string&)> make) {
  const fs::path whole = (fs::path(to) / "").parent_path();
  const std::string unfinished = whole.string() + ".tmp";
  std::error_code error;
  if (fs::exists(whole, error)) {
    return absl::AlreadyExistsError(absl::StrCat("\"", to, "\" exists"));
  }
  if (mkdir(unfinished.c_str(), 0755) != 0) {
    if (errno != EEXIST) return FileError(errno, absl::StrCat("cannot make \"", unfinished, "\""));
    return absl::AlreadyExistsError(
        absl::StrCat("\"", unfinished,
                     "\", where the copy is made, exists: remove it if it is the rest of one"));
  }
  auto remove = absl::MakeCleanup([&] { fs::remove_all(unfinished, error); });
  GF_RETURN_IF_ERROR(make(unfinished));
  if (const int failed = Sync(unfinished); failed != 0) return FileError(failed, unfinished);
  if (rename(unfinished.c_str(), whole.c_str()) != 0) {
    return FileError(errno, absl::StrCat("cannot make \"", to, "\""));
  }
  std::move(remove).Cancel();
  const fs::path parent = whole.has_parent_path() ? whole.parent_path() : fs::path(".");
  (void)Sync(parent.string());
  return absl::OkStatus();
}

absl::Status CopyFiles(const std::string& from, const std::string& to,
                       const std::vector<std::string>& linked,
                       const std::vector<std::string>& copied) {
  for (const std::string& name : linked) {
    const std::string source = absl::StrCat(from, "/", name);
    const std::string target = absl::StrCat(to, "/", name);
    if (link(source.c_str(), target.c_str()) == 0) continue;
    if (errno == ENOENT) {
      return absl::DataLossError(absl::StrCat("the file ", name, " of chunks is missing"));
    }
    GF_RETURN_IF_ERROR(CopyFile(source, target));
  }
  for (const std::string& name : copied) {
    GF_RETURN_IF_ERROR(CopyFile(absl::StrCat(from, "/", name), absl::StrCat(to, "/", name)));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
