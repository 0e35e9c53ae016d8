#include "storage/partition/metis_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int kBetweenQuestionsMs = 100;

absl::StatusOr<std::string> FindProgram(const std::string& program) {
  constexpr char kName[] = "graphfeed-partition";
  std::error_code error;
  std::filesystem::path path = program;
  if (program.empty()) {
    path = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / kName;
    // The running program may be Python's.
    const char* const folders = std::getenv("PATH");
    if (access(path.c_str(), X_OK) != 0 && folders != nullptr) {
      for (const absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
        const std::filesystem::path other = std::filesystem::path(std::string(folder)) / kName;
        if (access(other.c_str(), X_OK) == 0) return other.string();
      }
    }
  }
  if (access(path.c_str(), X_OK) == 0) return path.string();
  return absl::FailedPreconditionError(absl::StrCat(
      "cannot run \"", path.string(), "\", which partitions graphs: ", std::strerror(errno)));
}

// posix_spawn's settings, freed at the end.
class SpawnSettings {
 public:
  // The program gets `fd` as standard input and output and our standard error, no other file; no
  // signal is blocked or ignored, and none of the terminal's reaches it.
  explicit SpawnSettings(int fd) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, fd, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetisProcess>> MetisProcess::Start(
    const std::string& program, int64_t memory_bytes, std::function<absl::Status()> interrupted) {
  GF_ASSIGN_OR_RETURN(const std::string path, FindProgram(program));
  // A socket, since one writes to it without SIGPIPE.
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("socketpair: ", std::strerror(errno)));
  }
  std::string parent = absl::StrCat(getpid());
  std::string memory = absl::StrCat(memory_bytes);
  std::string name = path;
  char* const arguments[] = {name.data(), parent.data(), memory.data(), nullptr};
  pid_t pid = 0;
  const SpawnSettings settings(fds[1]);
  const int error = posix_spawn(&pid, path.c_str(), settings.actions(), settings.attributes(),
                                arguments, environ);
  close(fds[1]);
  if (error != 0) {
    close(fds[0]);
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start \"", path, "\": ", std::strerror(error)));
  }
  return std::unique_ptr<MetisProcess>(new MetisProcess(pid, fds[0], std::move(interrupted)));
}

MetisProcess::~MetisProcess() {
  close(fd_);
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::Status MetisProcess::Wait(short events) {
  while (true) {
    if (interrupted_ != nullptr) GF_RETURN_IF_ERROR(interrupted_());
    pollfd waited = {fd_, events, 0};
    if (poll(&waited, 1, kBetweenQuestionsMs) > 0) return absl::OkStatus();
  }
}

absl::Status MetisProcess::Send(absl::Span<const std::byte> bytes) {
  while (!bytes.empty() && !ended_) {
    GF_RETURN_IF_ERROR(Wait(POLLOUT));
    const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      ended_ = true;
    }
  }
  return absl::OkStatus();
}

absl::Status MetisProcess::Receive(absl::Span<std::byte> bytes) {
  while (!bytes.empty()) {
    GF_RETURN_IF_ERROR(Wait(POLLIN));
    const ssize_t count = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      return HowItEnded();
    }
  }
  return absl::OkStatus();
}

absl::Status MetisProcess::HowItEnded() {
  ended_ = true;
  int status = 0;
  if (pid_ == 0) return absl::InternalError("the process that partitions has ended");
  while (waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return absl::InternalError(absl::StrCat("waitpid: ", std::strerror(errno)));
  }
  pid_ = 0;
  if (!WIFSIGNALED(status)) {
    return absl::InternalError(
        absl::StrCat("the process that partitions ended with code ", WEXITSTATUS(status)));
  }
  const int signal = WTERMSIG(status);
  const std::string text =
      absl::StrCat("the process that partitions was ended by signal ", signal, " (",
                   sigdescr_np(signal) == nullptr ? "unknown" : sigdescr_np(signal), ")");
  if (signal != SIGKILL) return absl::InternalError(text);
  return absl::ResourceExhaustedError(
      absl::StrCat(text, ", as the system does where memory runs out"));
}

}  // namespace graphfeed
