#include "storage/partition/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <random>
#include <utility>

#include "storage/partition/metis_process.h"
#include "storage/partition/metis_protocol.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Lt;

// With the program that this build has made.
PartitionOptions WithProgram(PartitionOptions options) {
  if (options.program.empty()) options.program = GRAPHFEED_PARTITION_PROGRAM;
  return options;
}

absl::StatusOr<std::vector<int64_t>> Partition(Dataset& dataset, PartitionOptions options) {
  return PartitionGraph(dataset, WithProgram(std::move(options)));
}

std::vector<int64_t> Parts(Dataset& dataset, PartitionOptions options) {
  auto parts = Partition(dataset, std::move(options));
  EXPECT_TRUE(parts.ok()) << parts.status();
  return parts.ok() ? *std::move(parts) : std::vector<int64_t>();
}

class PartitionTest : public testing::Test {
 protected:
  // Nothing that was started is left, not even to be waited for.
  ~PartitionTest() override {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }

  std::shared_ptr<Dataset> Open(const SingleGraph& graph) {
    const auto info = Ingest(*catalog_, graph.spec, graph.Blocks());
    EXPECT_TRUE(info.ok()) << info.status();
    return *catalog_->OpenDataset(graph.spec.name);
  }

  std::unique_ptr<Catalog> catalog_ = *Catalog::Open(std::make_unique<MemoryChunkStore>(), {});
};

// Two cliques of `size` nodes, even and odd ones, with one edge between them. Self-loops and
// repeated edges at one node would mislead who counts them.
SingleGraph TwoCliques(int64_t size) {
  std::vector<End> ends;
  for (int64_t a = 0; a < 2 * size; ++a) {
    for (int64_t b = a + 2; b < 2 * size; b += 2) ends.push_back({a, b});
  }
  ends.push_back({0, 1});
  for (int i = 0; i < 100; ++i) ends.push_back({1, 0});
  for (int i = 0; i < 1000; ++i) ends.push_back({3, 3});
  return HomogeneousGraph("cliques", 2 * size, std::move(ends));
}

TEST_F(PartitionTest, TwoClustersAreFoundThoughEdgesGoOneWay) {
  const auto dataset = Open(TwoCliques(12));
  for (const uint64_t seed : {0, 1, 2}) {
    const auto parts = Partition(*dataset, {.num_parts = 2, .seed = seed});
    ASSERT_TRUE(parts.ok()) << parts.status();
    ASSERT_EQ(parts->size(), 24u);
    EXPECT_NE((*parts)[0], (*parts)[1]);
    for (size_t v = 0; v < parts->size(); ++v) EXPECT_EQ((*parts)[v], (*parts)[v % 2]) << v;
  }
}

TEST_F(PartitionTest, TheSameSeedGivesTheSameParts) {
  std::mt19937_64 rng(1);
  const auto dataset = Open(HomogeneousGraph("g", 2000, RandomEnds(rng, 8000, 2000, 2000)));
  const auto parts = [&](uint64_t seed) {
    return *Partition(*dataset, {.num_parts = 20, .seed = seed});
  };
  const std::vector<int64_t> first = parts(7);
  EXPECT_THAT(first, Each(AllOf(Ge(0), Lt(20))));
  EXPECT_EQ(parts(7), first);
  EXPECT_NE(parts(8), first);
  std::vector<int64_t> sizes(20);
  for (const int64_t part : first) ++sizes[part];
  EXPECT_LE(*std::max_element(sizes.begin(), sizes.end()), 110);  // METIS: within a few per cent
}

TEST_F(PartitionTest, APartitionIsTheOneThatItEverWas) {
  std::mt19937_64 rng(1);
  const auto dataset = Open(HomogeneousGraph("g", 2000, RandomEnds(rng, 8000, 2000, 2000)));
  const auto digest = [&](int64_t num_parts, uint64_t seed) {
    uint64_t sum = 0;
    for (const int64_t part : Parts(*dataset, {.num_parts = num_parts, .seed = seed})) {
      sum = sum * 1099511628211u + static_cast<uint64_t>(part);
    }
    return sum;
  };
  EXPECT_EQ(digest(20, 7), 11195616549064819538u);
  EXPECT_EQ(digest(2, 0), 1825395053668944386u);
  EXPECT_EQ(digest(333, (uint64_t{1} << 40) + 5), 15228113898757629372u);
}

TEST_F(PartitionTest, PartsBecomeAColumnOfANewVersion) {
  Open(TwoCliques(5));
  const auto info = AddPartition(*catalog_, "cliques",
                                 WithProgram({.num_parts = 2, .seed = 3, .column = "part_of_two"}));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 2);
  const ColumnSchema& column = info->schema.columns.back();
  EXPECT_EQ(column.name, "part_of_two");
  EXPECT_EQ(column.level, Level::kNode);
  EXPECT_EQ(column.dtype, DType::kInt64);
  const auto dataset = *catalog_->OpenDataset("cliques");
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes(*Partition(*dataset, {.num_parts = 2, .seed = 3})));
  const absl::Status again =
      AddPartition(*catalog_, "cliques", WithProgram({.num_parts = 2, .column = "part_of_two"}))
          .status();
  EXPECT_TRUE(absl::IsInvalidArgument(again));
  EXPECT_THAT(std::string(again.message()), HasSubstr("exists already"));
}

TEST_F(PartitionTest, ABaseThatIsDeletedMeanwhileIsPublishedWithItsParts) {
  Open(TwoCliques(5));
  bool deleted = false;
  PartitionOptions options = WithProgram({.num_parts = 2, .seed = 3});
  options.interrupted = [&] {
    if (!std::exchange(deleted, true)) {
      EXPECT_TRUE(catalog_->Delete("cliques", 1).ok());
    }
    return absl::OkStatus();
  };
  const auto info = AddPartition(*catalog_, "cliques", options);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(deleted);
  EXPECT_EQ(info->version, 2);
  const auto dataset = *catalog_->OpenDataset("cliques");
  EXPECT_EQ(dataset->info().schema.columns.size(), 2u);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

TEST_F(PartitionTest, AnInterruptionEndsItAtAnyMoment) {
  std::mt19937_64 rng(3);
  const auto dataset = Open(HomogeneousGraph("g", 3000, RandomEnds(rng, 200000, 3000, 3000)));
  int64_t last = 0;  // questions asked of a partition that nobody interrupts
  const auto after = [&](int64_t count) {
    last = 0;
    PartitionOptions options = {.num_parts = 50, .seed = 7};
    options.interrupted = [&last, count] {
      return ++last > count ? absl::CancelledError("enough") : absl::OkStatus();
    };
    return Partition(*dataset, options).status();
  };
  ASSERT_TRUE(after(1 << 20).ok());
  EXPECT_GE(last, 10);  // the edges, twice, and the parts
  for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{8}}) {
    EXPECT_EQ(after(count), absl::CancelledError("enough")) << count;
    EXPECT_EQ(last, count + 1);
  }
}

TEST_F(PartitionTest, AnyLimitOfMemoryIsEnoughOrIsNamed) {
  std::mt19937_64 rng(4);
  const auto dataset = Open(HomogeneousGraph("g", 5000, RandomEnds(rng, 25000, 5000, 5000)));
  const std::vector<int64_t> whole = Parts(*dataset, {.num_parts = 100, .seed = 7});
  int enough = 0;
  int refused = 0;
  for (int64_t megabytes = 1; megabytes <= 32; ++megabytes) {
    const auto parts =
        Partition(*dataset, {.num_parts = 100, .seed = 7, .memory_bytes = megabytes << 20});
    if (parts.ok()) {
      ++enough;
      EXPECT_EQ(*parts, whole);
      continue;
    }
    ++refused;
    EXPECT_TRUE(absl::IsResourceExhausted(parts.status())) << megabytes << ": " << parts.status();
  }
  EXPECT_GT(enough, 0);
  EXPECT_GT(refused, 5);
  const absl::Status least =
      Partition(*dataset, {.num_parts = 100, .memory_bytes = 100000}).status();
  EXPECT_THAT(std::string(least.message()),
              HasSubstr("to partition 5000 nodes takes at least 120000 bytes of memory; 100000"));
}

TEST_F(PartitionTest, WithoutItsProgramItIsRefused) {
  const auto dataset = Open(TwoCliques(5));
  const absl::Status status =
      Partition(*dataset, {.num_parts = 2, .program = "/nonexistent/program"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/program"));
}

TEST_F(PartitionTest, HowItsProcessEndedIsTold) {
  const auto status_of = [](int signal) {
    const auto process = MetisProcess::Start(GRAPHFEED_PARTITION_PROGRAM, 0, nullptr);
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_EQ(kill((*process)->pid(), signal), 0);
    MetisReply reply;
    return (*process)->Receive({reinterpret_cast<std::byte*>(&reply), sizeof(reply)});
  };
  EXPECT_TRUE(absl::IsResourceExhausted(status_of(SIGKILL)));
  EXPECT_THAT(std::string(status_of(SIGKILL).message()), HasSubstr("signal 9 (Killed)"));
  EXPECT_TRUE(absl::IsInternal(status_of(SIGSEGV)));
  const auto other = MetisProcess::Start("/bin/false", 0, nullptr);
  ASSERT_TRUE(other.ok()) << other.status();
  std::byte byte{};
  const absl::Status ended = (*other)->Receive({&byte, 1});
  EXPECT_TRUE(absl::IsInternal(ended)) << ended;
  EXPECT_THAT(std::string(ended.message()), HasSubstr("ended with code 1"));
  EXPECT_TRUE((*other)->Send({&byte, 1}).ok());
  EXPECT_FALSE((*other)->Receive({&byte, 1}).ok());
}

TEST_F(PartitionTest, AProgramOfAnotherBuildIsToldApart) {
  const auto process = MetisProcess::Start(GRAPHFEED_PARTITION_PROGRAM, 0, nullptr);
  ASSERT_TRUE(process.ok()) << process.status();
  const MetisRequest request = {.magic = kMetisMagic + 1};
  ASSERT_TRUE(
      (*process)->Send({reinterpret_cast<const std::byte*>(&request), sizeof(request)}).ok());
  MetisReply reply;
  ASSERT_TRUE((*process)->Receive({reinterpret_cast<std::byte*>(&reply), sizeof(reply)}).ok());
  EXPECT_EQ(reply.result, MetisResult::kOtherProgram);
}

TEST_F(PartitionTest, SmallAndEdgelessGraphsHaveParts) {
  const auto edgeless = Open(HomogeneousGraph("edgeless", 6, {{2, 2}}));
  EXPECT_THAT(*Partition(*edgeless, {.num_parts = 3}), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(*Partition(*edgeless, {.num_parts = 1}), Each(0));
  const auto pair = Open(HomogeneousGraph("pair", 2, {{0, 1}}));
  EXPECT_THAT(*Partition(*pair, {.num_parts = 1}), ElementsAre(0, 0));
  const auto parts = Partition(*pair, {.num_parts = 2});
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_THAT(*parts, Each(AllOf(Ge(0), Lt(2))));
}

TEST_F(PartitionTest, WhatCannotBePartitionedIsRefused) {
  const auto refuse = [](const absl::StatusOr<std::vector<int64_t>>& parts, const char* why) {
    EXPECT_TRUE(absl::IsInvalidArgument(parts.status())) << parts.status();
    EXPECT_THAT(std::string(parts.status().message()), HasSubstr(why));
  };
  const auto graph = Open(TwoCliques(3));
  refuse(Partition(*graph, {.num_parts = 0}), "num_parts is 0; it is 1 to");
  refuse(Partition(*graph, {.num_parts = 7}), "num_parts is 7; it is 1 to the number of nodes");
  refuse(Partition(*Open(RandomHeteroGraph(1, 10)), {.num_parts = 2}), "is heterogeneous");
  ASSERT_TRUE(Ingest(*catalog_, {.name = "c"}, {TwoGraphs()}).ok());
  refuse(Partition(**catalog_->OpenDataset("c"), {.num_parts = 2}), "is a collection");
}

TEST_F(PartitionTest, AGraphBeyondMetissIndicesIsRefusedWithTheLimit) {
  // Says that it is large; nothing of it is read.
  class Huge : public Dataset {
   public:
    Huge() {
      info_.name = "huge";
      info_.version = 1;
      info_.schema = Schema::Homogeneous(/*collection=*/false);
      info_.num_nodes = {int64_t{1} << 31};
      info_.num_edges = {0};
    }
    const DatasetInfo& info() const override { return info_; }
    const GraphOffsets& offsets() const override { return offsets_; }
    absl::StatusOr<std::vector<std::string>> ReadStrings(int, absl::Span<const RowRange>) override {
      return absl::UnimplementedError("not read");
    }
    absl::StatusOr<std::vector<int64_t>> StringSizes(int, const RowRange&) override {
      return absl::UnimplementedError("not read");
    }
    GraphStore* graph() override { return nullptr; }
    absl::Status Verify() override { return absl::UnimplementedError("not read"); }
    absl::Status VisitRows(int, absl::Span<const RowRange>, RowVisitor) override {
      return absl::UnimplementedError("not read");
    }
    absl::Status GatherRows(int, absl::Span<const int64_t>, std::byte*) override {
      return absl::UnimplementedError("not read");
    }

   private:
    DatasetInfo info_;
    GraphOffsets offsets_;
  };
  Huge huge;
  const absl::Status status = Partition(huge, {.num_parts = 2}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("2147483648 nodes"), HasSubstr("up to 2147483647")));
}

}  // namespace
}  // namespace graphfeed
