#include "client/cpp/fork.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <utility>

#include "client/cpp/client.h"
#include "tests/support/child_process.h"

namespace graphfeed {
namespace {

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
