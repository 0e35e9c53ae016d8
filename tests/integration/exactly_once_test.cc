// A batch is a function of (fingerprint, spec, seed, epoch, ordinal) and of nothing else.

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/batching/resolved_spec.h"
#include "tests/integration/spec_zoo.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

// What a frame is, besides where it came from.
struct Content {
  int64_t ordinal;
  uint64_t digest;
  std::string bytes;
  friend bool operator==(const Content&, const Content&) = default;
};

Content ContentOf(const Batch& batch) {
  return {batch.info().ordinal, batch.info().digest,
          std::string(reinterpret_cast<const char*>(batch.data()), batch.placement().slab_bytes)};
}

std::vector<Content> Stream(Client& client, StreamOptions options, uint32_t prefetch) {
  options.prefetch = prefetch;
  options.client_prefetch = prefetch;
  std::vector<Content> contents;
  auto stream = client.StreamBatches(options);
  EXPECT_TRUE(stream.ok()) << stream.status();
  for (;;) {
    const auto batch = (*stream)->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || !batch->has_value()) return contents;
    contents.push_back(ContentOf(**batch));
  }
}

std::string Describe(const StreamOptions& options) {
  return absl::StrCat("strategy ", static_cast<int>(options.spec.strategy), " of ", options.dataset,
                      ", seed ", options.seed, ", epoch ", options.start_epoch,
                      options.spec.shuffle ? ", shuffled" : "",
                      options.spec.ragged ? ", ragged" : "", ", k ", options.spec.micro_batches);
}

TEST(ExactlyOnceTest, NothingButItsArgumentsDecidesABatch) {
  constexpr int kSpecs = 40;
  TestServer one_thread([](ServerConfig& config) { config.build_threads = 1; });
  // Another server, another ingest, little memory, many threads.
  TestServer eight_threads([](ServerConfig& config) {
    config.build_threads = 8;
    config.memory_budget = 1 << 20;
  });
  IngestZoo(*one_thread.NewClient());
  IngestZoo(*eight_threads.NewClient());
  for (const char* dataset : {"molecules", "g", "h"}) {
    ASSERT_EQ(one_thread.NewClient()->GetDataset(dataset)->fingerprint,
              eight_threads.NewClient()->GetDataset(dataset)->fingerprint);
  }
  SpecDraw draw(77);
  std::vector<StreamOptions> asked;
  std::vector<std::vector<Content>> expected;
  std::map<Strategy, int> strategies;
  const auto first = one_thread.NewClient();
  const auto second = eight_threads.NewClient();
  const auto compact = eight_threads.NewClient({.encoding = Encoding::kCompact});
  while (asked.size() < kSpecs) {
    StreamOptions options = draw.Next();
    SCOPED_TRACE(Describe(options));
    absl::Status status = FillSizes(*first, options);
    ASSERT_TRUE(status.ok()) << status;
    const std::vector<Content> contents = Stream(*first, options, 1);
    ASSERT_FALSE(HasFailure());
    EXPECT_EQ(Stream(*second, options, 16), contents);
    EXPECT_EQ(Stream(*compact, options, 2), contents) << "without padding on the way";
    for (size_t i = contents.size(); i-- > 0;) {
      const auto alone = second->GetBatch(options, options.start_epoch, contents[i].ordinal);
      ASSERT_TRUE(alone.ok()) << alone.status();
      EXPECT_EQ(ContentOf(alone->batch), contents[i]) << "alone, in another order";
    }
    ASSERT_FALSE(HasFailure());
    ++strategies[options.spec.strategy];
    asked.push_back(std::move(options));
    expected.push_back(contents);
  }
  EXPECT_EQ(strategies.size(), 5u) << "every strategy was drawn";

  one_thread.Restart();
  const auto again = one_thread.NewClient();
  for (size_t i = 0; i < asked.size(); ++i) {
    SCOPED_TRACE(Describe(asked[i]));
    EXPECT_EQ(Stream(*again, asked[i], 3), expected[i]) << "after a restart";
  }
}

// Digests of frames that this version of the algorithms makes of generated data.
struct Golden {
  int spec;  // which draw
  int64_t epoch;
  int64_t ordinal;
  uint64_t digest;
};

constexpr Golden kGolden[] = {
#include "tests/integration/golden_digests.inc"
};

TEST(ExactlyOnceTest, RecordedDigestsStandForTheAlgorithmVersion) {
  ASSERT_EQ(kAlgorithmVersion, 1u) << "record the digests anew: see below";
  TestServer server;
  const auto client = server.NewClient();
  IngestZoo(*client);
  SpecDraw draw(2024);
  std::vector<StreamOptions> specs;
  for (int i = 0; i < 24; ++i) {
    specs.push_back(draw.Next());
    // Estimates may become better without a change of what batches hold.
    BatchSpec& spec = specs.back().spec;
    if (spec.sampling.has_value() && !spec.ragged) {
      spec.options = FixedSizeOptions{.num_nodes = {{"", 150}},
                                      .num_edges = {{"", 200}},
                                      .num_graphs = 2,
                                      .pad_graph_defaults = {}};
    }
  }
  // What to record when kAlgorithmVersion is raised, and only then.
  if (std::getenv("GRAPHFEED_PRINT_GOLDEN") != nullptr) {
    for (int i = 0; i < 24; ++i) {
      for (const int64_t epoch : {0, 3}) {
        for (const int64_t ordinal : {0, 2}) {
          const auto result = client->GetBatch(specs[i], epoch, ordinal);
          if (!result.ok()) continue;
          std::printf("    {%d, %d, %d, 0x%016llx},\n", i, static_cast<int>(epoch),
                      static_cast<int>(ordinal),
                      static_cast<unsigned long long>(result->batch.info().digest));
        }
      }
    }
  }
  ASSERT_GT(std::size(kGolden), 60u);
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(Describe(specs.at(golden.spec)));
    const auto result = client->GetBatch(specs[golden.spec], golden.epoch, golden.ordinal);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->batch.info().digest, golden.digest)
        << "epoch " << golden.epoch << ", frame " << golden.ordinal
        << ": whoever changes what batches hold raises kAlgorithmVersion";
  }
}

}  // namespace
}  // namespace graphfeed
