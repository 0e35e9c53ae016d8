#include "storage/ingest/adjacency_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "storage/adjacency_check.h"
#include "storage/chunks/column_reader.h"
#include "storage/chunks/column_writer.h"
#include "tests/storage/single_graphs.h"
#include "tests/storage/test_stores.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

// As much of a catalog as a build needs; remembers the most that it was charged.
class FakeHost : public IngestHost {
 public:
  explicit FakeHost(std::shared_ptr<MemoryDisk> disk) : store_(std::move(disk)) {}

  ChunkStore& store() override { return store_; }
  absl::StatusOr<uint64_t> NewColumn() override { return next_++; }
  absl::StatusOr<DatasetInfo> Publish(Manifest) override {
    return absl::UnimplementedError("nothing is published here");
  }
  void Discard(absl::Span<const uint64_t> columns) override {
    EXPECT_TRUE(store_.DeleteColumns(columns).ok());
  }
  void AddIngestBytes(int64_t change) override {
    bytes += change;
    most_bytes = std::max(most_bytes, bytes);
  }

  int64_t bytes = 0;
  int64_t most_bytes = 0;

 private:
  MemoryChunkStore store_;
  uint64_t next_ = 100;
};

class AdjacencyBuilderTest : public testing::Test {
 protected:
  // Writes an edge_index of the given ends, in the place of the one before.
  template <typename T = int64_t>
  EdgeList Write(const std::vector<End>& ends, int64_t num_sources, int64_t num_targets) {
    if (edge_index_ != 0) host_.Discard({&edge_index_, 1});
    edge_index_ = *host_.NewColumn();
    ColumnWriter writer(host_.store(), edge_index_, 2 * sizeof(T), 256);
    for (const End& end : ends) {
      const T row[2] = {static_cast<T>(end.source), static_cast<T>(end.target)};
      EXPECT_TRUE(
          writer.Append(1, absl::string_view(reinterpret_cast<const char*>(row), sizeof(row)))
              .ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    return {.edge_index = writer.stored().storage,
            .dtype = sizeof(T) == 8   ? DType::kInt64
                     : sizeof(T) == 4 ? DType::kInt32
                                      : DType::kInt16,
            .num_sources = num_sources,
            .num_targets = num_targets,
            .num_edges = static_cast<int64_t>(ends.size())};
  }

  std::vector<int64_t> Values(const StoredColumn& column) {
    std::vector<int64_t> values;
    const absl::Status status =
        ReadColumn(host_.store(), column.storage, [&](absl::string_view rows) {
          for (; !rows.empty(); rows.remove_prefix(column.storage.row_bytes)) {
            int32_t narrow = 0;
            int64_t wide = 0;
            if (column.storage.row_bytes == 4) {
              std::memcpy(&narrow, rows.data(), 4);
              wide = narrow;
            } else {
              std::memcpy(&wide, rows.data(), 8);
            }
            values.push_back(wide);
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    return values;
  }

  void ExpectBuilds(const std::vector<End>& ends, const EdgeList& edges, int64_t memory) {
    NewColumns columns(host_);
    const auto lists =
        BuildAdjacency(host_, edges, {.memory_bytes = memory, .chunk_bytes = 256}, columns);
    ASSERT_TRUE(lists.ok()) << lists.status();
    const InLists expected(ends, edges.num_targets);
    ASSERT_EQ(Values(lists->in_ptr), expected.ptr);
    ASSERT_EQ(Values(lists->in_source), expected.sources);
    ASSERT_EQ(Values(lists->in_edge_id), expected.ids);
    const absl::Status checked = CheckAdjacency(host_.store(), edges, *lists);
    EXPECT_TRUE(checked.ok()) << checked;
    // Nothing is left of what was written meanwhile.
    std::vector<uint64_t> stored = {lists->in_ptr.storage.uid};
    if (edges.edge_index && edges.num_edges > 0) {
      stored = {edge_index_, lists->in_ptr.storage.uid, lists->in_source.storage.uid,
                lists->in_edge_id.storage.uid};
    }
    EXPECT_EQ(ColumnUids(host_.store()), stored);
    EXPECT_EQ(host_.bytes, 0);
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  FakeHost host_{disk_};
  uint64_t edge_index_ = 0;
};

TEST_F(AdjacencyBuilderTest, ListsAreTheStableSortByTargetHoweverLittleMemoryThereIs) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 rng(seed);
    const auto num_sources = static_cast<int64_t>(1 + rng() % 300);
    const auto num_targets = static_cast<int64_t>(1 + rng() % 3000);
    const auto ends = RandomEnds(rng, static_cast<int64_t>(rng() % 4000), num_sources, num_targets);
    const EdgeList edges = Write(ends, num_sources, num_targets);
    for (const int64_t memory : {1, 200, 3000, 20'000, 1'000'000}) {
      SCOPED_TRACE(testing::Message() << "memory " << memory);
      ExpectBuilds(ends, edges, memory);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(AdjacencyBuilderTest, EveryIntegerTypeOfEdgeIndexIsRead) {
  std::mt19937_64 rng(1);
  const auto ends = RandomEnds(rng, 1000, 50, 70);
  ExpectBuilds(ends, Write<int32_t>(ends, 50, 70), 1000);
  ExpectBuilds(ends, Write<int16_t>(ends, 50, 70), 1'000'000);
}

TEST_F(AdjacencyBuilderTest, AHubWithMoreEdgesThanMemoryIsNotSorted) {
  std::vector<End> ends;
  for (int64_t i = 0; i < 5000; ++i) ends.push_back({i, i % 100 == 0 ? i % 900 : 500});
  ExpectBuilds(ends, Write(ends, 5000, 1000), 4000);
  EXPECT_LE(host_.most_bytes, 4 * (512 << 10));  // four buckets at a time
}

TEST_F(AdjacencyBuilderTest, AllEdgesAtOneTargetAreReadWhereTheyAre) {
  std::vector<End> ends;
  for (int64_t i = 0; i < 5000; ++i) ends.push_back({i % 7, 777});
  int64_t num_columns = 0;
  disk_->on_add = [&](ChunkKey key) {
    num_columns += key.chunk == 0;
    return absl::OkStatus();
  };
  ExpectBuilds(ends, Write(ends, 7, 1000), 1000);
  EXPECT_EQ(num_columns, 4);  // edge_index and the lists: no bucket was written
}

TEST_F(AdjacencyBuilderTest, ManyTargetsAndFewEdgesTakeNoMoreMemory) {
  const std::vector<End> ends = {{0, 99'999}, {1, 3}, {2, 50'000}, {0, 3}};
  ExpectBuilds(ends, Write(ends, 3, 100'000), 1 << 10);
  EXPECT_LE(host_.most_bytes, 4 * (512 << 10));
}

TEST_F(AdjacencyBuilderTest, SortingHoldsNoMoreThanAllowed) {
  std::mt19937_64 rng(5);
  const auto ends = RandomEnds(rng, 60'000, 1000, 10'000);
  const EdgeList edges = Write(ends, 1000, 10'000);
  ExpectBuilds(ends, edges, 3 << 20);  // fits: no buckets
  EXPECT_EQ(host_.most_bytes, 10'001 * 8 + 60'000 * 8);
}

TEST_F(AdjacencyBuilderTest, TypesWithoutEdgesOrNodesHaveEmptyLists) {
  ExpectBuilds({}, {.edge_index = std::nullopt, .num_sources = 4, .num_targets = 9000}, 100);
  ExpectBuilds({}, {.edge_index = std::nullopt, .num_sources = 0, .num_targets = 0}, 100);
}

TEST_F(AdjacencyBuilderTest, IdsAreWideWhereTheyMustBe) {
  const int64_t far = int64_t{1} << 40;
  const std::vector<End> ends = {{far, 1}, {5, 0}, {far + 1, 1}};
  ExpectBuilds(ends, Write(ends, far + 2, 2), 1 << 20);
  ExpectBuilds(ends, Write(ends, far + 2, 2), 1);
  EXPECT_EQ(IdType((int64_t{1} << 31) - 1), DType::kInt32);
  EXPECT_EQ(IdType(int64_t{1} << 31), DType::kInt64);
}

TEST_F(AdjacencyBuilderTest, AFailureAnywhereLeavesNothing) {
  std::mt19937_64 rng(6);
  const auto ends = RandomEnds(rng, 400, 20, 300);
  const EdgeList edges = Write(ends, 20, 300);
  for (const bool writes : {true, false}) {
    int64_t failures = 0;
    for (int64_t allowed = 0;; allowed += 7) {
      int64_t left = allowed;
      const auto fail = [&](ChunkKey) {
        return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("the disk is gone");
      };
      (writes ? disk_->on_add : disk_->on_read) = fail;
      absl::Status status;
      {
        NewColumns columns(host_);
        status = BuildAdjacency(host_, edges, {.memory_bytes = 600, .chunk_bytes = 256}, columns)
                     .status();
      }
      (writes ? disk_->on_add : disk_->on_read) = [](ChunkKey) { return absl::OkStatus(); };
      EXPECT_EQ(ColumnUids(host_.store()), std::vector<uint64_t>{edge_index_});
      EXPECT_EQ(host_.bytes, 0);
      if (status.ok()) break;
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
      ++failures;
    }
    EXPECT_GT(failures, 10);
  }
}

// What the digests of columns cannot tell: lists that are whole, but not those of the edges.
TEST_F(AdjacencyBuilderTest, ListsOfOtherEdgesAreFound) {
  const std::vector<End> ends = {{0, 1}, {1, 2}, {2, 2}, {3, 0}};
  NewColumns columns(host_);
  const auto lists = BuildAdjacency(host_, Write(ends, 4, 3), {}, columns);
  ASSERT_TRUE(lists.ok()) << lists.status();
  EXPECT_TRUE(
      CheckAdjacency(host_.store(), Write({{0, 1}, {1, 2}, {2, 2}, {3, 0}}, 4, 3), *lists).ok());
  const auto check = [&](const std::vector<End>& other, int64_t num_targets) {
    const absl::Status status = CheckAdjacency(host_.store(), Write(other, 4, num_targets), *lists);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(check({{0, 1}, {2, 2}, {1, 2}, {3, 0}}, 3), HasSubstr("not that of the dataset's"));
  EXPECT_THAT(check({{0, 1}, {1, 2}, {2, 2}, {3, 1}}, 3), HasSubstr("not that of the dataset's"));
  EXPECT_THAT(check({{0, 1}, {1, 2}, {2, 2}}, 3), HasSubstr("the in-edges of node 2 are 2 to 4"));
  EXPECT_THAT(check({{0, 1}, {1, 2}, {2, 2}, {3, 0}, {3, 0}}, 3), HasSubstr("ends with 4"));
  EXPECT_THAT(check(ends, 4), HasSubstr("ends too early"));

  StoredAdjacency swapped = *lists;  // ids 3, 0, 1, 2 as sources and as ids
  std::swap(swapped.in_edge_id, swapped.in_source);
  EXPECT_TRUE(absl::IsDataLoss(CheckAdjacency(
      host_.store(), {.edge_index = std::nullopt, .num_targets = 3, .num_edges = 4}, swapped)));
}

TEST_F(AdjacencyBuilderTest, RunsOutOfOrderAreFound) {
  NewColumns columns(host_);
  const auto lists = BuildAdjacency(host_, Write({{0, 0}, {1, 0}}, 2, 1), {}, columns);
  ASSERT_TRUE(lists.ok()) << lists.status();
  const auto rewrite = [&](const StoredColumn& column, std::vector<int32_t> values) {
    disk_->Edit({column.storage.uid, 0}, [&](std::string& value) {
      value.resize(kChunkHeaderBytes);
      value += Bytes(values);
      SealChunk({column.storage.uid, 0}, static_cast<int64_t>(values.size()), value);
    });
  };
  // The same edges, the later one first.
  rewrite(lists->in_source, {1, 0});
  rewrite(lists->in_edge_id, {1, 0});
  const absl::Status status = CheckAdjacency(host_.store(), Write({{0, 0}, {1, 0}}, 2, 1), *lists);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not in order of edge id"));
}

}  // namespace
}  // namespace graphfeed
