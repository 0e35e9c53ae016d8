// A process that ingests and deletes is killed at random moments. After each restart every
// published version is whole, every unfinished one is gone, and the disk has not grown.
// GRAPHFEED_CRASH_RUNS sets how often (default 6).

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

// Runs crash_ingest and kills it `microseconds` after it has published `versions` more versions.
// Returns the last version it has told of, 0 if none.
int64_t RunAndKill(const std::string& folder, uint64_t seed, int versions, int64_t microseconds) {
  int out[2];
  EXPECT_EQ(pipe(out), 0);
  const std::string seed_text = std::to_string(seed);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    close(out[1]);
    execl(CRASH_INGEST_BINARY, CRASH_INGEST_BINARY, folder.c_str(), seed_text.c_str(), nullptr);
    _exit(127);
  }
  EXPECT_GT(child, 0);
  close(out[1]);
  FILE* lines = fdopen(out[0], "r");
  int64_t published = 0;
  long long version = 0;
  for (int i = 0; i < versions && std::fscanf(lines, "%lld", &version) == 1; ++i) {
    published = version;
  }
  usleep(static_cast<useconds_t>(microseconds));  // chooses the moment; nothing waits for it
  EXPECT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
      << "crash_ingest ended by itself, status " << status;
  while (std::fscanf(lines, "%lld", &version) == 1) published = version;
  std::fclose(lines);
  return published;
}

int NumRuns() {
  const char* runs = std::getenv("GRAPHFEED_CRASH_RUNS");
  return runs == nullptr ? 6 : std::max(1, std::atoi(runs));
}

TEST(CrashTest, KilledIngestsLeavePublishedVersionsWholeAndNothingElse) {
  const TestFolder folder;
  std::mt19937_64 rng(20240131);
  int64_t published = 0;
  std::vector<int64_t> stored;  // by run, of two versions and nothing else
  for (int run = 0; run < NumRuns(); ++run) {
    SCOPED_TRACE(run);
    const int versions = static_cast<int>(rng() % 3);
    const auto delay = static_cast<int64_t>(rng() % 60000);
    published = std::max(published, RunAndKill(folder.path().string(),
                                               1000 * static_cast<uint64_t>(run), versions, delay));

    auto store = OpenRocksDbChunkStore(folder.path().string());
    ASSERT_TRUE(store.ok()) << store.status();
    ChunkStore& chunks = **store;
    auto catalog = Catalog::Open(*std::move(store), {.sweep_after = absl::ZeroDuration()});
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    const auto list = (*catalog)->List();
    size_t max_columns = 0;
    for (const DatasetInfo& info : list) {
      const auto dataset = (*catalog)->OpenDataset("d@" + std::to_string(info.version));
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      const absl::Status verified = (*dataset)->Verify();
      EXPECT_TRUE(verified.ok()) << verified;
      max_columns += info.schema.columns.size() + 4;  // offsets of graphs and strings
    }
    // What it told of is there, or deleted because a later one is.
    if (published > 0) {
      ASSERT_FALSE(list.empty());
      EXPECT_GE(list.back().version, published);
      EXPECT_LE(list.size(), 3u);  // the newest, the one before, one that was to be deleted
    }
    const auto columns = chunks.ListColumns();
    ASSERT_TRUE(columns.ok());
    EXPECT_LE(columns->size(), max_columns);

    for (size_t i = 0; i + 1 < list.size(); ++i) {
      ASSERT_TRUE((*catalog)->Delete("d", list[i].version).ok());
    }
    stored.push_back(chunks.StoredBytes());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "bulk"));
  }
  // The sizes of one version differ by a little; fifty leaked ones would not be a little.
  const auto first_full =
      std::max_element(stored.begin(), stored.begin() + (stored.size() + 1) / 2);
  EXPECT_LE(stored.back(), *first_full + *first_full / 4 + (256 << 10));
  std::printf("stored bytes after the first and the last of %zu kills: %lld, %lld\n", stored.size(),
              static_cast<long long>(stored.front()), static_cast<long long>(stored.back()));
}

}  // namespace
}  // namespace graphfeed
