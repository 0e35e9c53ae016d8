#include "storage/chunks/folder_lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/base/mutex.h"

namespace graphfeed {
namespace {

// A removal takes milliseconds.
constexpr absl::Duration kRemovalTime = absl::Seconds(10);

// Descriptors that hold locks: a lock is that of the open file, which a forked child shares and
// would hold for as long as it lives.
class HeldDescriptors {
 public:
  static HeldDescriptors& Get() {
    static HeldDescriptors& held = *[] {
      auto* made = new HeldDescriptors;  // locks may outlive static objects
      (void)pthread_atfork(&BeforeFork, &InParent, &InChild);
      return made;
    }();
    return held;
  }
  void Add(int fd) {
    MutexLock lock(&mu_);
    fds_.insert(fd);
  }
  void Close(int fd) {
    MutexLock lock(&mu_);
    fds_.erase(fd);
    (void)close(fd);
  }

 private:
  static void BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { Get().mu_.Lock(); }
  static void InParent() ABSL_NO_THREAD_SAFETY_ANALYSIS { Get().mu_.Unlock(); }
  // The numbers stay taken: what the child inherited knows paths by them.
  static void InChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    HeldDescriptors& held = Get();
    const int nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (const int fd : held.fds_) {
      if (nowhere < 0 || dup3(nowhere, fd, O_CLOEXEC) < 0) (void)close(fd);
    }
    if (nowhere >= 0) (void)close(nowhere);
    held.fds_.clear();
    held.mu_.Unlock();
  }

  Mutex mu_;
  std::set<int> fds_ ABSL_GUARDED_BY(mu_);
};

// "process 17 (python3) on HOST", as who writes has put it down; empty where nobody did.
std::string LastWriter(int folder_fd) {
  const int fd = openat(folder_fd, kReadersFile, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return "";
  std::array<char, 256> text{};
  const ssize_t size = read(fd, text.data(), text.size());
  (void)close(fd);
  std::string line(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  return line.substr(0, line.find('\n'));
}

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

FolderLock::~FolderLock() { HeldDescriptors::Get().Close(fd_); }

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
  HeldDescriptors::Get().Add(fd);
  if (kind != Kind::kNone &&
      flock(fd, (kind == Kind::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK) {
    const std::string writer = lock->IsWritten() ? LastWriter(fd) : "";
    return absl::FailedPreconditionError(
        absl::StrCat("another process uses the folder ", folder,
                     writer.empty() ? "" : absl::StrCat(": ", writer, " writes to it")));
  }
  // Other errors: a file system that cannot lock folders. RocksDB's own lock file remains.
  if (absl::Status status = lock->Check(); !status.ok()) return status;  // moved in this moment
  return lock;
}

bool FolderLock::IsWritten() const {
  // The lock is not this one's, which may hold it already.
  const int fd = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool refused = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0) (void)close(fd);
  return refused;
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

absl::StatusOr<std::unique_ptr<ReadersLock>> ReadersLock::Open(const FolderLock& folder) {
  constexpr int kFlags = O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  int fd = openat(folder.fd(), kReadersFile, O_RDWR | O_CREAT | kFlags, 0666);
  if (fd < 0 && (errno == EROFS || errno == EACCES)) {
    fd = openat(folder.fd(), kReadersFile, O_RDONLY | kFlags);
    if (fd < 0 && (errno == ENOENT || errno == EACCES)) return nullptr;
  }
  struct stat info = {};
  const bool opened = fd >= 0 && fstat(fd, &info) == 0;
  if (opened ? !S_ISREG(info.st_mode) : errno == ELOOP || errno == EISDIR || errno == ENXIO) {
    if (opened) (void)close(fd);
    return absl::DataLossError(absl::StrCat(folder.folder(), "/", kReadersFile,
                                            " is not a regular file: the data folder is damaged"));
  }
  if (!opened) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot open ", folder.folder(), "/", kReadersFile));
  }
  HeldDescriptors::Get().Add(fd);
  return std::unique_ptr<ReadersLock>(new ReadersLock(fd));
}

ReadersLock::~ReadersLock() { HeldDescriptors::Get().Close(fd_); }

absl::Status ReadersLock::Join() {
  const absl::Time deadline = absl::Now() + kRemovalTime;
  while (flock(fd_, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, "cannot lock READERS");
    if (absl::Now() > deadline) {
      return absl::UnavailableError("the data folder has been kept from its readers for 10 s");
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

// Where files cannot be locked nobody can have joined.
bool ReadersLock::Exclude() { return flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

void ReadersLock::Admit() { (void)flock(fd_, LOCK_UN); }

void ReadersLock::SignAsWriter() {
  std::array<char, 256> host{};
  (void)gethostname(host.data(), host.size() - 1);
  std::ifstream file("/proc/self/comm");
  std::string program;
  std::getline(file, program);
  const std::string line =
      absl::StrCat("process ", getpid(), " (", program, ") on ", host.data(), "\n");
  // For messages only: what fails leaves an older line, or none.
  if (ftruncate(fd_, 0) == 0) (void)!pwrite(fd_, line.data(), line.size(), 0);
}

bool IsReadOnlyFolder(const std::string& dir) {
  return faccessat(AT_FDCWD, dir.c_str(), W_OK, AT_EACCESS) != 0 &&
         (errno == EROFS || errno == EACCES);
}

}  // namespace graphfeed
