#include "client/cpp/fork.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/support/child_process.h"

namespace graphfeed {
namespace {

#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer does not hold its allocator's locks across a fork (the allocators of C libraries
// do), so a thread that is just ending may leave the child one that nobody will give back. gRPC's
// threads still end when gRPC says that it has.
void WaitForThreadsThatEnd() {
  const absl::Time deadline = absl::Now() + absl::Seconds(2);
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), std::filesystem::directory_iterator());
  };
  while (threads() > 1 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
}

// Handlers run in the reverse order of their registration: before main is before the client's.
[[maybe_unused]] const int kRegistered = pthread_atfork(&WaitForThreadsThatEnd, nullptr, nullptr);
#endif

// The server is a process of its own, so that this one can be without gRPC.
class ForkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<ChildProcess>> server =
        ChildProcess::Start({GRAPHFEED_FORK_SERVER});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ClientOptions options;
    options.endpoints = {server_->ReadLine().value_or("")};
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    stream_options_.dataset = "d";
    stream_options_.seed = 7;
  }

  // What `child` returns, run in a forked process.
  static int InChild(const std::function<int()>& child) {
    const pid_t pid = fork();
    if (pid == 0) _exit(child());
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::unique_ptr<ChildProcess> server_;
  std::unique_ptr<Client> client_;
  StreamOptions stream_options_;
};

TEST_F(ForkTest, ParentAndChildOfAnIdleClientGoOn) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client_->ListDatasets().ok());
    const int generation = ForkGeneration();
    EXPECT_EQ(InChild([&] {
                if (ForkGeneration() != generation + 1) return 1;
                if (!client_->ListDatasets().ok()) return 2;
                auto stream = client_->StreamBatches(stream_options_);
                if (!stream.ok() || !(*stream)->Next().ok()) return 3;
                stream->reset();
                client_.reset();
                return 0;
              }),
              0);
    EXPECT_EQ(ForkGeneration(), generation);
  }
  EXPECT_TRUE(client_->ListDatasets().ok());
}

TEST_F(ForkTest, AStreamThatHasBeenDroppedIsNotInTheWay) {
  auto stream = client_->StreamBatches(stream_options_);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->Next().ok());
  stream->reset();
  EXPECT_EQ(InChild([&] { return client_->ListDatasets().ok() ? 0 : 1; }), 0);
}

// What the epoll instances of a process watch, as inode numbers.
std::set<uint64_t> Watched(pid_t process) {
  std::set<uint64_t> inodes;
  const std::string folder = absl::StrCat("/proc/", process, "/fdinfo");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      const size_t at = line.find("ino:");
      if (line.rfind("tfd:", 0) == 0 && at != std::string::npos) {
        inodes.insert(std::stoull(line.substr(at + 4), nullptr, 16));
      }
    }
  }
  return inodes;
}

std::set<uint64_t> Sockets() {
  std::set<uint64_t> inodes;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.rfind("socket:[", 0) == 0) inodes.insert(std::stoull(target.substr(8)));
  }
  return inodes;
}

TEST_F(ForkTest, NoProcessWaitsForAnothersConnections) {
  ASSERT_TRUE(client_->ListDatasets().ok());
  EXPECT_EQ(InChild([&] {
              if (!client_->ListDatasets().ok()) return 1;
              const std::set<uint64_t> sockets = Sockets();
              const auto watches = [&](pid_t process) {
                const std::set<uint64_t> watched = Watched(process);
                return std::any_of(sockets.begin(), sockets.end(),
                                   [&](uint64_t inode) { return watched.contains(inode); });
              };
              if (!watches(getpid())) return 2;
              return watches(getppid()) ? 3 : 0;
            }),
            0);
}

TEST_F(ForkTest, InTheMiddleOfAStreamTheChildIsToldAndTheParentGoesOn) {
  auto stream = client_->StreamBatches(stream_options_);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->info().ok());
  EXPECT_EQ(InChild([&] { return static_cast<int>(client_->ListDatasets().status().code()); }),
            static_cast<int>(absl::StatusCode::kFailedPrecondition));
  auto batch = (*stream)->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ((*batch)->info().ordinal, 0);
  EXPECT_TRUE(client_->ListDatasets().ok());
}

}  // namespace
}  // namespace graphfeed
