// Batches through a real server: the same function whichever way they are asked for.

#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/plan_comparison.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kGraphs = 200;

BatchSpec Spec(Strategy strategy, bool shuffle) {
  BatchSpec spec;
  spec.strategy = strategy;
  spec.shuffle = shuffle;
  if (strategy == Strategy::kPlain) {
    spec.batch_size = 16;
  } else {
    spec.options = FixedSizeOptions{.num_nodes = {{"", 128}},
                                    .num_edges = {{"", 300}},
                                    .num_graphs = 10,
                                    .pad_graph_defaults = {}};
  }
  return spec;
}

class StreamingTest : public testing::Test {
 protected:
  StreamingTest() : client_(server_.NewClient()) {
    const auto info = IngestMolecules(*client_, "molecules", kGraphs);
    EXPECT_TRUE(info.ok()) << info.status();
  }

  StreamOptions Options(Strategy strategy, bool shuffle = true) {
    StreamOptions options;
    options.dataset = "molecules";
    options.spec = Spec(strategy, shuffle);
    options.seed = 17;
    return options;
  }

  std::vector<Batch> Collect(const StreamOptions& options) {
    std::vector<Batch> batches;
    auto stream = client_->StreamBatches(options);
    EXPECT_TRUE(stream.ok()) << stream.status();
    if (!stream.ok()) return batches;
    while (true) {
      absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || !batch->has_value()) return batches;
      batches.push_back(**std::move(batch));
    }
  }

  TestServer server_;
  std::unique_ptr<Client> client_;
};

std::string Bytes(const Batch& batch) {
  return std::string(reinterpret_cast<const char*>(batch.data()), batch.placement().slab_bytes);
}

// Real graphs of a batch by their `y`, which numbers them.
std::vector<int64_t> GraphsIn(const Batch& batch) {
  const std::optional<TensorView> y = batch.Find("", "y");
  EXPECT_TRUE(y.has_value());
  std::vector<int64_t> graphs;
  for (int64_t i = 0; y.has_value() && i < batch.info().real[0].graphs; ++i) {
    int64_t value;
    std::memcpy(&value, y->data + i * 8, 8);
    graphs.push_back(value);
  }
  return graphs;
}

class StrategyTest : public StreamingTest, public testing::WithParamInterface<Strategy> {};

TEST_P(StrategyTest, EveryGraphArrivesOnceAndGetBatchGivesTheSameBytes) {
  const StreamOptions options = Options(GetParam());
  const std::vector<Batch> batches = Collect(options);
  ASSERT_GT(batches.size(), 5u);
  std::multiset<int64_t> seen;
  for (size_t i = 0; i < batches.size(); ++i) {
    const Batch& batch = batches[i];
    EXPECT_EQ(batch.info().ordinal, static_cast<int64_t>(i));
    for (int64_t graph : GraphsIn(batch)) seen.insert(graph);
    const auto single = client_->GetBatch(options, 0, static_cast<int64_t>(i));
    ASSERT_TRUE(single.ok()) << single.status();
    EXPECT_EQ(single->batch.info().digest, batch.info().digest);
    EXPECT_EQ(Bytes(single->batch), Bytes(batch));
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kGraphs));
  EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), static_cast<size_t>(kGraphs));
}

TEST_P(StrategyTest, ARestartedServerAndAnyPrefetchGiveTheSameBytes) {
  StreamOptions options = Options(GetParam());
  std::vector<std::string> expected;
  for (const Batch& batch : Collect(options)) expected.push_back(Bytes(batch));
  server_.Restart();
  client_ = server_.NewClient();
  options.prefetch = 1;
  std::vector<std::string> again;
  for (const Batch& batch : Collect(options)) again.push_back(Bytes(batch));
  EXPECT_EQ(again, expected);
}

TEST_P(StrategyTest, ShardsDivideAnEpochAndResumeWithAnotherNumber) {
  StreamOptions options = Options(GetParam());
  options.uneven_shards = UnevenShards::kNull;
  std::vector<std::string> expected;
  for (const Batch& batch : Collect(options)) expected.push_back(Bytes(batch));

  // Three shards receive two frames each; then two shards go on from there.
  std::map<int64_t, std::string> received;
  auto take = [&](const StreamOptions& shard, int64_t limit) {
    auto stream = client_->StreamBatches(shard);
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (int64_t i = 0; i < limit; ++i) {
      absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (!batch->has_value()) return;
      if ((*batch)->info().null_frame) continue;
      EXPECT_TRUE(received.emplace((*batch)->info().ordinal, Bytes(**batch)).second)
          << "frame " << (*batch)->info().ordinal << " twice";
    }
  };
  for (int shard = 0; shard < 3; ++shard) {
    StreamOptions part = options;
    part.num_shards = 3;
    part.shard_index = shard;
    take(part, 2);
  }
  for (int shard = 0; shard < 2; ++shard) {
    StreamOptions part = options;
    part.num_shards = 2;
    part.shard_index = shard;
    part.start_ordinal = 6;
    take(part, INT64_MAX);
  }
  ASSERT_EQ(received.size(), expected.size());
  for (const auto& [ordinal, bytes] : received) EXPECT_EQ(bytes, expected[ordinal]) << ordinal;
}

INSTANTIATE_TEST_SUITE_P(All, StrategyTest,
                         testing::Values(Strategy::kPlain, Strategy::kPadToMax,
                                         Strategy::kStreamPack),
                         [](const auto& param_info) {
                           switch (param_info.param) {
                             case Strategy::kPlain:
                               return "Plain";
                             case Strategy::kPadToMax:
                               return "PadToMax";
                             case Strategy::kStreamPack:
                               return "StreamPack";
                             default:
                               return "Sampled";
                           }
                         });

TEST_F(StreamingTest, ManyEpochsFollowEachOtherInOneStream) {
  StreamOptions options = Options(Strategy::kStreamPack);
  options.num_epochs = 3;
  options.start_epoch = 5;
  auto stream = client_->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::vector<std::vector<std::string>> epochs(3);
  while (true) {
    absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
    const int64_t epoch = (*batch)->info().epoch;
    const auto info = (*stream)->epoch();
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->epoch, epoch);
    ASSERT_GE(epoch, 5);
    ASSERT_LT(epoch, 8);
    epochs[epoch - 5].push_back(Bytes(**batch));
  }
  for (int64_t e = 0; e < 3; ++e) {
    StreamOptions one = Options(Strategy::kStreamPack);
    one.start_epoch = 5 + e;
    std::vector<std::string> alone;
    for (const Batch& batch : Collect(one)) alone.push_back(Bytes(batch));
    EXPECT_EQ(epochs[e], alone);
  }
  EXPECT_NE(epochs[0], epochs[1]) << "epochs must be shuffled differently";
}

TEST_F(StreamingTest, WithoutAnEndStreamsGoOnUntilCancelled) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.num_epochs = 0;
  auto stream = client_->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  int64_t last_epoch = 0;
  for (int i = 0; i < 100; ++i) {
    absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok() && batch->has_value()) << batch.status();
    last_epoch = (*batch)->info().epoch;
  }
  EXPECT_EQ(last_epoch, 99 / 23);  // 200 graphs, 9 a batch
}

TEST_F(StreamingTest, PlainBatchesComeWithTheirStrings) {
  const auto batch = client_->GetBatch(Options(Strategy::kPlain, /*shuffle=*/false), 0, 12);
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->strings.size(), 1u);
  EXPECT_EQ(batch->strings[0].first, "name");
  EXPECT_THAT(batch->strings[0].second,
              ElementsAre("graph 192", "graph 193", "graph 194", "graph 195", "graph 196",
                          "graph 197", "graph 198", "graph 199"));
  StreamOptions without = Options(Strategy::kPlain);
  without.spec.exclude_keys = {"name"};
  const auto excluded = client_->GetBatch(without, 0, 0);
  ASSERT_TRUE(excluded.ok()) << excluded.status();
  EXPECT_TRUE(excluded->strings.empty());
}

TEST_F(StreamingTest, TheResolvedSpecAsksForTheSameBatches) {
  StreamOptions options = Options(Strategy::kStreamPack);
  options.spec.options.reset();  // derived by the server
  options.spec.batch_size = 8;
  const auto first = client_->GetBatch(options, 0, 1);
  ASSERT_TRUE(first.ok()) << first.status();
  options.spec = first->info.resolved_spec;
  options.fingerprint = first->info.fingerprint;
  options.dataset = first->info.dataset;
  const auto second = client_->GetBatch(options, 0, 1);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(Bytes(second->batch), Bytes(first->batch));
  EXPECT_EQ(second->info.spec_digest, first->info.spec_digest);
}

TEST_F(StreamingTest, PlansSayWhatStreamsWillSend) {
  StreamOptions options = Options(Strategy::kStreamPack);
  const auto plan = client_->DescribePlan(options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::vector<Batch> batches = Collect(options);
  EXPECT_EQ(plan->plan.num_frames, static_cast<int64_t>(batches.size()));
  std::vector<int64_t> histogram(plan->graphs_per_batch.size());
  int64_t graphs = 0;
  for (const Batch& batch : batches) {
    const int64_t real = batch.info().real[0].graphs;
    ASSERT_LT(real, static_cast<int64_t>(histogram.size()));
    ++histogram[real];
    graphs += real;
  }
  EXPECT_EQ(histogram, plan->graphs_per_batch);
  EXPECT_EQ(plan->plan.num_graphs, graphs);
  EXPECT_EQ(plan->fingerprint, client_->GetDataset("molecules")->fingerprint);
}

TEST_F(StreamingTest, EstimatedOptionsFitEveryBatch) {
  const auto options = client_->EstimateSizes("molecules", 8, Selection(), 0);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->num_graphs, 8);
  StreamOptions stream = Options(Strategy::kPadToMax);
  stream.spec.options = *options;
  EXPECT_EQ(Collect(stream).size(), 29u);  // 200 graphs, 7 a batch
}

TEST_F(StreamingTest, ChosenSizesAreWithinTheTargetAndFitEveryBatch) {
  for (const Strategy strategy : {Strategy::kPadToMax, Strategy::kStreamPack, Strategy::kPack}) {
    StreamOptions stream = Options(strategy);
    const auto choice = client_->ChooseSizes("molecules", stream.spec,
                                             {.limit = SizeLimit::kBytes, .at_most = 40'000});
    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_LE(choice->batch_bytes, 40'000);
    EXPECT_EQ(choice->num_graphs, 200);
    stream.spec.options = choice->options;
    stream.spec.batch_size = 0;
    const auto plan = client_->DescribePlan(stream);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->layout.slab_bytes, choice->batch_bytes);
    EXPECT_EQ(static_cast<int64_t>(Collect(stream).size()), plan->plan.num_batches);
    EXPECT_EQ(plan->plan.num_graphs, 200);
  }
  const auto refused = client_->ChooseSizes("molecules", Options(Strategy::kPack).spec,
                                            {.limit = SizeLimit::kNodes, .at_most = 2});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("best.num_nodes is 2; a batch"));
}

TEST_F(StreamingTest, StrategiesAreCompared) {
  StreamOptions options = Options(Strategy::kPadToMax);
  const auto within =
      ComparePlans(*client_, options, SizeTarget{.limit = SizeLimit::kNodes, .at_most = 300});
  ASSERT_TRUE(within.ok()) << within.status();
  ASSERT_EQ(within->plans.size(), 3u);
  EXPECT_EQ(within->recommended, Strategy::kPack);
  for (const StrategyPlan& plan : within->plans) {
    EXPECT_TRUE(plan.refused.ok()) << plan.refused;
    EXPECT_EQ(plan.description.plan.num_graphs, 200);
    EXPECT_GE(plan.epoch_bytes, within->Find(Strategy::kPack)->epoch_bytes);
    EXPECT_EQ(plan.cut_nodes, 0);
  }

  // Sizes that not every padded batch meets.
  const StrategyPlan& packed = *within->Find(Strategy::kPack);
  options.spec.options = packed.choice->options;
  options.spec.batch_size = 0;
  const auto same = ComparePlans(*client_, options, std::nullopt);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->Find(Strategy::kPack)->epoch_bytes, packed.epoch_bytes);
  EXPECT_NE(same->recommended, Strategy::kPadToMax);
  EXPECT_GT(same->Find(Strategy::kPadToMax)->cut_nodes, 0);

  options.spec.options->num_nodes[""] = 3;
  const auto none = ComparePlans(*client_, options, std::nullopt);
  ASSERT_TRUE(none.ok()) << "a padded plan is made whatever the sizes";
  EXPECT_EQ(none->recommended, std::nullopt);
  EXPECT_EQ(none->Find(Strategy::kPack)->refused.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StreamingTest, AnotherFingerprintIsRefusedAndBothAreNamed) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.fingerprint = Fingerprint{0xab, 0xcd};
  auto stream = client_->StreamBatches(options);
  ASSERT_TRUE(stream.ok());
  const absl::Status status = (*stream)->info().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("abcd0000000000000000000000000000"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("molecules@1 has"));
}

TEST_F(StreamingTest, RefusalsComeBeforeTheHeaderAndNameTheField) {
  struct Case {
    std::function<void(StreamOptions&)> change;
    absl::StatusCode code;
    std::string text;
  };
  const Case cases[] = {
      {[](auto& o) { o.dataset = "none"; }, absl::StatusCode::kNotFound, "none"},
      {[](auto& o) { o.dataset = "molecules@7"; }, absl::StatusCode::kNotFound, "molecules"},
      {[](auto& o) { o.start_ordinal = 1000; }, absl::StatusCode::kInvalidArgument,
       "start_ordinal: 1000; epoch 0 has 23 frames"},
      {[](auto& o) { o.start_epoch = -1; }, absl::StatusCode::kInvalidArgument, "start_epoch: -1"},
      {[](auto& o) {
         o.spec.exclude_keys = {"nothing"};
         o.spec.narrow_columns = {"nothing"};
       },
       absl::StatusCode::kInvalidArgument, "nothing"},
      {[](auto& o) {
         o.spec.selection = {.kind = Selection::Kind::kIds, .ids = {0, 200}, .batch_sizes = {}};
       },
       absl::StatusCode::kInvalidArgument, "200"},
      {[](auto& o) {
         o.spec.strategy = Strategy::kStreamPack;
         o.spec.options->num_nodes[""] = 11;
         o.spec.options->num_graphs = 2;
       },
       absl::StatusCode::kFailedPrecondition, "graph"},
  };
  for (const Case& c : cases) {
    StreamOptions options = Options(Strategy::kPadToMax, /*shuffle=*/false);
    c.change(options);
    auto stream = client_->StreamBatches(options);
    const absl::Status status = stream.ok() ? (*stream)->info().status() : stream.status();
    EXPECT_EQ(status.code(), c.code) << c.text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.text));
  }
}

TEST_F(StreamingTest, AStreamMayStartAtTheEndOfItsEpoch) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.start_ordinal = 23;
  options.num_epochs = 2;
  EXPECT_EQ(Collect(options).size(), 23u) << "all of the second epoch, nothing of the first";
}

TEST_F(StreamingTest, MicroBatchesShareAFrame) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.spec.micro_batches = 4;
  const std::vector<Batch> batches = Collect(options);
  ASSERT_EQ(batches.size(), 6u);  // 23 batches, 4 a frame
  EXPECT_EQ(batches[5].info().real.size(), 4u);
  EXPECT_EQ(batches[5].info().real[3].graphs, 0) << "the last one is null";
}

}  // namespace
}  // namespace graphfeed
