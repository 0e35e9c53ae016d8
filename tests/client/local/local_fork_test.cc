// Forked processes open folders anew.

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "storage/chunks/chunk_store.h"
#include "tests/client/local/local_test.h"

namespace graphfeed {
namespace {

// Runs `body` in a forked child and returns its exit code; 100 for a child that hangs or crashes.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 100;
  return WEXITSTATUS(status);
}

class LocalForkTest : public LocalTest {
 protected:
  LocalForkTest() : client_(NewClient()) {
    EXPECT_TRUE(IngestMolecules(*client_, "molecules", 400).ok());
  }

  // 0: the client streams what it should.
  int Reads(Client& client, const std::vector<Batch>& expected) {
    const auto batches = Collect(client, Options(Strategy::kPadToMax));
    if (!batches.ok()) return 1;
    if (batches->size() != expected.size()) return 2;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (Bytes((*batches)[i]) != Bytes(expected[i])) return 3;
    }
    return 0;
  }

  std::unique_ptr<Client> client_;
};

TEST_F(LocalForkTest, ChildrenReadBesideAParentThatStreams) {
  const auto expected = Collect(*client_, Options(Strategy::kPadToMax));
  ASSERT_TRUE(expected.ok()) << expected.status();
  StreamOptions endless = Options(Strategy::kPadToMax);
  endless.num_epochs = 0;
  auto stream = client_->StreamBatches(endless);
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE((*stream)->Next().ok());
    // With the client that it has inherited, and one of its own.
    EXPECT_EQ(InChild([&] { return Reads(*client_, *expected); }), 0) << i;
    EXPECT_EQ(InChild([&] { return Reads(*NewClient(), *expected); }), 0) << i;
    EXPECT_EQ(InChild([&] {
                return IngestMolecules(*client_, "child", 5).status().code() ==
                               absl::StatusCode::kFailedPrecondition
                           ? 0
                           : 1;
              }),
              0)
        << i;
    ASSERT_TRUE((*stream)->Next().ok());
  }
}

TEST_F(LocalForkTest, AChildDoesNotHoldItsParentsLocks) {
  int pipe_ends[2];
  int born[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  ASSERT_EQ(pipe(born), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[1]);
    char byte = 0;
    if (write(born[1], &byte, 1) != 1) _exit(2);
    _exit(read(pipe_ends[0], &byte, 1) == 0 ? 0 : 1);  // until the parent says so
  }
  // A child gives up the locks when it begins to run, which may be later than the parent goes on.
  char byte = 0;
  ASSERT_EQ(read(born[0], &byte, 1), 1);
  close(born[0]);
  close(born[1]);
  client_.reset();
  {
    const auto store = OpenRocksDbChunkStore(data());  // for writing
    EXPECT_TRUE(store.ok()) << store.status();
  }
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(LocalForkTest, AChildWritesWhenItsParentDoesNot) {
  client_.reset();
  client_ = NewClient();
  ASSERT_TRUE(client_->ListDatasets().ok());
  EXPECT_EQ(InChild([&] { return IngestMolecules(*client_, "child", 5).ok() ? 0 : 1; }), 0);
  const auto info = client_->GetDataset("child");
  EXPECT_TRUE(info.ok()) << info.status();
}

TEST_F(LocalForkTest, ChildrenOfChildrenReadToo) {
  const auto expected = Collect(*client_, Options(Strategy::kPadToMax));
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(InChild([&] {
              if (const int code = Reads(*client_, *expected)) return code;
              return InChild([&] { return Reads(*client_, *expected); });
            }),
            0);
}

TEST_F(LocalForkTest, ServersOverAWireWorkInChildrenOfLocalClients) {
  StreamOptions endless = Options(Strategy::kPadToMax);
  endless.num_epochs = 0;
  auto stream = client_->StreamBatches(endless);
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Next().ok());
  EXPECT_EQ(
      InChild([&] {
        ClientOptions options;
        options.endpoints = {"127.0.0.1:1"};
        options.retry_timeout = absl::ZeroDuration();
        const auto client = Client::Create(options);
        return (*client)->ListDatasets().status().code() == absl::StatusCode::kUnavailable ? 0 : 1;
      }),
      0);
}

}  // namespace
}  // namespace graphfeed
