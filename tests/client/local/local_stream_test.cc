// The same batches without a wire.

#include <atomic>
#include <cstring>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "proto/frame/digest.h"
#include "tests/client/local/local_test.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

class LocalStreamTest : public LocalTest {
 protected:
  LocalStreamTest() : client_(NewClient()) {
    const auto info = IngestMolecules(*client_, "molecules", 400);
    EXPECT_TRUE(info.ok()) << info.status();
  }

  const std::unique_ptr<Client> client_;
};

class LocalStrategyTest : public LocalStreamTest, public testing::WithParamInterface<Strategy> {};

TEST_P(LocalStrategyTest, BatchesAreThoseOfAServerByteForByte) {
  TestServer server;
  const std::unique_ptr<Client> remote = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*remote, "molecules", 400).ok());
  StreamOptions options = Options(GetParam());
  options.num_epochs = 2;
  options.graph_ids = true;
  const auto here = Collect(*client_, options);
  const auto there = Collect(*remote, options);
  ASSERT_TRUE(here.ok() && there.ok()) << here.status() << there.status();
  ASSERT_GT(there->size(), 20u);
  ASSERT_EQ(here->size(), there->size());
  for (size_t i = 0; i < here->size(); ++i) {
    const Batch& batch = (*here)[i];
    EXPECT_EQ(batch.info().digest, (*there)[i].info().digest);
    EXPECT_EQ(batch.info().graph_ids, (*there)[i].info().graph_ids);
    EXPECT_EQ(Bytes(batch), Bytes((*there)[i])) << i;
    EXPECT_EQ(FrameDigest(batch.data(), batch.placement().slab_bytes), batch.info().digest);
  }
  const auto single = client_->GetBatch(options, 1, 3);
  ASSERT_TRUE(single.ok()) << single.status();
  EXPECT_EQ(Bytes(single->batch), Bytes((*there)[there->size() / 2 + 3]));
  const auto plan = client_->DescribePlan(options);
  const auto other_plan = remote->DescribePlan(options);
  ASSERT_TRUE(plan.ok() && other_plan.ok()) << plan.status() << other_plan.status();
  EXPECT_EQ(plan->spec_digest, other_plan->spec_digest);
  EXPECT_EQ(plan->fingerprint, other_plan->fingerprint);
}

INSTANTIATE_TEST_SUITE_P(All, LocalStrategyTest,
                         testing::Values(Strategy::kPlain, Strategy::kPadToMax,
                                         Strategy::kStreamPack, Strategy::kPack),
                         [](const auto& strategy) { return std::string(NameOf(strategy.param)); });

TEST_F(LocalStreamTest, KeptBatchesStandStillAndAreNobodyElses) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.num_epochs = 3;
  options.prefetch = 2;
  const auto batches = Collect(*client_, options);  // many more than the stream's own frames
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_GT(batches->size(), 60u);
  std::set<const std::byte*> places;
  for (const Batch& batch : *batches) {
    places.insert(batch.data());
    EXPECT_EQ(FrameDigest(batch.data(), batch.placement().slab_bytes), batch.info().digest);
  }
  EXPECT_EQ(places.size(), batches->size());
}

TEST_F(LocalStreamTest, WhatIsWrittenToABatchIsInNoOther) {
  StreamOptions options = Options(Strategy::kStreamPack);
  options.num_epochs = 4;
  const auto stream = client_->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::set<const std::byte*> places;
  int64_t count = 0;
  while (true) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
    const int64_t bytes = (*batch)->placement().slab_bytes;
    EXPECT_EQ(FrameDigest((*batch)->data(), bytes), (*batch)->info().digest);
    std::memset((*batch)->data(), 0xa5, static_cast<size_t>(bytes));
    places.insert((*batch)->data());
    ++count;
  }
  EXPECT_LT(static_cast<int64_t>(places.size()), count / 2) << "memory is used again";
}

TEST_F(LocalStreamTest, MemoryGoesBackWhenTheLastViewIsGone) {
  const int64_t before = SlabPool::TotalBytes();
  {
    auto batches = Collect(*client_, Options(Strategy::kPadToMax));
    ASSERT_TRUE(batches.ok()) << batches.status();
    EXPECT_GT(SlabPool::TotalBytes(), before);
  }
  // What was built ahead is let go by whoever built it.
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (SlabPool::TotalBytes() != before && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST_F(LocalStreamTest, StreamsEndWhereverTheyAreLeft) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.num_epochs = 0;
  for (const int read : {0, 1, 7}) {
    auto stream = client_->StreamBatches(options);
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (int i = 0; i < read; ++i) ASSERT_TRUE((*stream)->Next().ok());
    if (read == 7) (*stream)->Cancel();
  }
}

TEST_F(LocalStreamTest, BatchesAndStreamsOutliveTheirClient) {
  std::unique_ptr<Client> client = NewClient();
  auto stream = client->StreamBatches(Options(Strategy::kPadToMax));
  ASSERT_TRUE(stream.ok()) << stream.status();
  auto first = (*stream)->Next();
  ASSERT_TRUE(first.ok() && first->has_value()) << first.status();
  client.reset();
  const auto second = (*stream)->Next();
  ASSERT_TRUE(second.ok() && second->has_value()) << second.status();
  stream->reset();
  EXPECT_EQ(FrameDigest((**first).data(), (**first).placement().slab_bytes),
            (**first).info().digest);
}

TEST_F(LocalStreamTest, RefusalsAreThoseOfServers) {
  StreamOptions options = Options(Strategy::kPadToMax);
  options.dataset = "others";
  EXPECT_EQ(Collect(*client_, options).status().code(), absl::StatusCode::kNotFound);
  options = Options(Strategy::kPadToMax);
  options.spec.options->num_nodes[""] = 10;
  const absl::Status status = Collect(*client_, options).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("10")) << status;
}

TEST_F(LocalStreamTest, ManyThreadsReadAtOnce) {
  const auto expected = Collect(*client_, Options(Strategy::kPack));
  ASSERT_TRUE(expected.ok()) << expected.status();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const std::unique_ptr<Client> client = NewClient();
      const auto batches = Collect(*client, Options(Strategy::kPack));
      ASSERT_TRUE(batches.ok()) << batches.status();
      ASSERT_EQ(batches->size(), expected->size());
      for (size_t j = 0; j < batches->size(); ++j) {
        EXPECT_EQ((*batches)[j].info().digest, (*expected)[j].info().digest);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LocalStreamTest, AnExportIsACopy) {
  TestServer server;
  const std::unique_ptr<Client> remote = server.NewClient();
  auto source = client_->Export("molecules");
  ASSERT_TRUE(source.ok()) << source.status();
  auto sink = remote->Ingest((*source)->spec());
  ASSERT_TRUE(sink.ok()) << sink.status();
  while (true) {
    auto block = (*source)->Next();
    ASSERT_TRUE(block.ok()) << block.status();
    if (!block->has_value()) break;
    ASSERT_TRUE((*sink)->Append(**std::move(block)).ok());
  }
  const auto copy = (*sink)->Commit();
  ASSERT_TRUE(copy.ok()) << copy.status();
  const auto original = client_->GetDataset("molecules");
  ASSERT_TRUE(original.ok()) << original.status();
  EXPECT_EQ(copy->fingerprint, original->fingerprint);
}

}  // namespace
}  // namespace graphfeed
