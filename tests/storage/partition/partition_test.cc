#include "storage/partition/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "storage/partition/metis_random.h"
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

class PartitionTest : public testing::Test {
 protected:
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
    const auto parts = PartitionGraph(*dataset, {.num_parts = 2, .seed = seed});
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
    return *PartitionGraph(*dataset, {.num_parts = 20, .seed = seed});
  };
  const std::vector<int64_t> first = parts(7);
  EXPECT_THAT(first, Each(AllOf(Ge(0), Lt(20))));
  EXPECT_EQ(parts(7), first);
  EXPECT_NE(parts(8), first);
  std::vector<int64_t> sizes(20);
  for (const int64_t part : first) ++sizes[part];
  EXPECT_LE(*std::max_element(sizes.begin(), sizes.end()), 110);  // METIS: within a few per cent
}

TEST_F(PartitionTest, WhatOtherThreadsDrawFromRandDoesNotMatter) {
  std::mt19937_64 rng(2);
  const auto dataset = Open(HomogeneousGraph("g", 2000, RandomEnds(rng, 8000, 2000, 2000)));
  const auto parts = [&] { return *PartitionGraph(*dataset, {.num_parts = 20, .seed = 7}); };
  const std::vector<int64_t> alone = parts();
  std::atomic<int64_t> drawn = 0;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    std::srand(1);
    for (; !stop; ++drawn) std::rand();
  });
  while (drawn == 0) std::this_thread::yield();
  EXPECT_EQ(parts(), alone);
  stop = true;
  other.join();
  // As METIS is used to them.
  std::srand(7);
  const std::array<int, 3> shared = {std::rand(), std::rand(), std::rand()};
  MetisRandom own;
  std::srand(7);
  EXPECT_EQ((std::array<int, 3>{std::rand(), std::rand(), std::rand()}), shared);
}

TEST_F(PartitionTest, PartsBecomeAColumnOfANewVersion) {
  Open(TwoCliques(5));
  const auto info =
      AddPartition(*catalog_, "cliques", {.num_parts = 2, .seed = 3, .column = "part_of_two"});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 2);
  const ColumnSchema& column = info->schema.columns.back();
  EXPECT_EQ(column.name, "part_of_two");
  EXPECT_EQ(column.level, Level::kNode);
  EXPECT_EQ(column.dtype, DType::kInt64);
  const auto dataset = *catalog_->OpenDataset("cliques");
  EXPECT_EQ(*ReadColumnRows(*dataset, 1),
            Bytes(*PartitionGraph(*dataset, {.num_parts = 2, .seed = 3})));
  const absl::Status again =
      AddPartition(*catalog_, "cliques", {.num_parts = 2, .column = "part_of_two"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(again));
  EXPECT_THAT(std::string(again.message()), HasSubstr("exists already"));
}

TEST_F(PartitionTest, SmallAndEdgelessGraphsHaveParts) {
  const auto edgeless = Open(HomogeneousGraph("edgeless", 6, {{2, 2}}));
  EXPECT_THAT(*PartitionGraph(*edgeless, {.num_parts = 3}), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(*PartitionGraph(*edgeless, {.num_parts = 1}), Each(0));
  const auto pair = Open(HomogeneousGraph("pair", 2, {{0, 1}}));
  EXPECT_THAT(*PartitionGraph(*pair, {.num_parts = 1}), ElementsAre(0, 0));
  const auto parts = PartitionGraph(*pair, {.num_parts = 2});
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_THAT(*parts, Each(AllOf(Ge(0), Lt(2))));
}

TEST_F(PartitionTest, WhatCannotBePartitionedIsRefused) {
  const auto refuse = [](const absl::StatusOr<std::vector<int64_t>>& parts, const char* why) {
    EXPECT_TRUE(absl::IsInvalidArgument(parts.status())) << parts.status();
    EXPECT_THAT(std::string(parts.status().message()), HasSubstr(why));
  };
  const auto graph = Open(TwoCliques(3));
  refuse(PartitionGraph(*graph, {.num_parts = 0}), "num_parts is 0; it is 1 to");
  refuse(PartitionGraph(*graph, {.num_parts = 7}),
         "num_parts is 7; it is 1 to the number of nodes");
  refuse(PartitionGraph(*Open(RandomHeteroGraph(1, 10)), {.num_parts = 2}), "is heterogeneous");
  ASSERT_TRUE(Ingest(*catalog_, {.name = "c"}, {TwoGraphs()}).ok());
  refuse(PartitionGraph(**catalog_->OpenDataset("c"), {.num_parts = 2}), "is a collection");
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
  const absl::Status status = PartitionGraph(huge, {.num_parts = 2}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("2147483648 nodes"), HasSubstr("up to 2147483647")));
}

}  // namespace
}  // namespace graphfeed
