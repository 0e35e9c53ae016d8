#include "server/batching/sizing/choose_sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <vector>

#include "server/batching/packing/pack_dimensions.h"
#include "server/batching/sizing/largest_sizes.h"
#include "storage/base/work_scope.h"
#include "tests/server/batching/graph_sizes.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMaxBytes = int64_t{1} << 31;

BatchSpec Unsized(Strategy strategy, bool shuffle = true) {
  BatchSpec request;
  request.strategy = strategy;
  request.shuffle = shuffle;
  return request;
}

absl::StatusOr<SizeChoice> Choose(MemoryDataset& data, const BatchSpec& request,
                                  const SizeTarget& target) {
  return ChooseSizes(request, target, data.info(), data.offsets(), kMaxBytes);
}

SizeTarget AtMost(SizeLimit limit, int64_t count) { return {.limit = limit, .at_most = count}; }

TEST(LargestSizesTest, SumsTheLargest) {
  LargestSizes counts;
  for (const int64_t size : {3, 9000, 5, 3, 7000, 0, 9000}) counts.Add(size);
  EXPECT_EQ(counts.total(), 25011);
  EXPECT_EQ(counts.largest(), 9000);
  EXPECT_EQ(counts.SumOfLargest(0), 0);
  EXPECT_EQ(counts.SumOfLargest(1), 9000);
  EXPECT_EQ(counts.SumOfLargest(3), 25000);
  EXPECT_EQ(counts.SumOfLargest(5), 25008);
  EXPECT_EQ(counts.SumOfLargest(100), 25011);
}

TEST(ChooseSizesTest, PacksOfMoleculesAreFullInNodesAndEdgesAtOnce) {
  MemoryDataset data = DatasetOf(MoleculeSizes(20'000, 3));
  for (const SizeTarget& target :
       {AtMost(SizeLimit::kNodes, 2304), AtMost(SizeLimit::kNodes, 512),
        AtMost(SizeLimit::kGraphs, 128), AtMost(SizeLimit::kBytes, 300'000)}) {
    SCOPED_TRACE(absl::StrCat(NameOf(target.limit), " ", target.at_most));
    BatchSpec request = Unsized(Strategy::kPack);
    const auto choice = Choose(data, request, target);
    ASSERT_TRUE(choice.ok()) << choice.status();
    request.options = choice->options;
    const int64_t counted = target.limit == SizeLimit::kNodes    ? choice->options.num_nodes.at("")
                            : target.limit == SizeLimit::kGraphs ? choice->options.num_graphs
                                                                 : choice->batch_bytes;
    EXPECT_LE(counted, target.at_most);
    EXPECT_GT(counted, 0.9 * static_cast<double>(target.at_most));
    // 20,000 graphs make 157.5 batches of 127.
    const double least = target.limit == SizeLimit::kGraphs ? 0.985
                         : target.at_most == 2304           ? 0.995
                                                            : 0.99;
    double expected = 0;
    double mean = 0;
    for (int64_t e = 0; e < 20; ++e) {
      auto epoch = Epoch::Create(data, request, 77, e);
      ASSERT_TRUE(epoch.ok()) << epoch.status();
      const PlanSummary& summary = epoch->plan().summary();
      EXPECT_EQ(summary.num_graphs, 20'000);
      EXPECT_GE(summary.node_efficiency, least - 0.005);
      mean += summary.node_efficiency / 20;
      EXPECT_GE(summary.edge_efficiency, 0.97);
      EXPECT_EQ(summary.lower_bound_batches, choice->lower_bound_batches);
      EXPECT_NEAR(summary.node_efficiency, choice->node_efficiency, 0.01);
      EXPECT_NEAR(summary.edge_efficiency, choice->edge_efficiency, 0.01);
      expected += static_cast<double>(summary.num_batches) / 20;
      EXPECT_EQ(epoch->collater().layout().slab_bytes, choice->batch_bytes);
    }
    EXPECT_GE(mean, least);
    EXPECT_NEAR(static_cast<double>(choice->num_batches), expected, 0.003 * expected + 1);
    EXPECT_LT(choice->padding_share, 0.03);
    EXPECT_GT(choice->padding_share, 0);
    EXPECT_EQ(choice->num_graphs, 20'000);
    EXPECT_EQ(choice->sampled_graphs, 20'000);
  }
}

// The sizes are not those that some order happens to fit.
TEST(ChooseSizesTest, HeavyTailsAndFewBatchesStayFullInOtherOrders) {
  MemoryDataset data = DatasetOf(ProteinSizes(2000, 4));
  BatchSpec request = Unsized(Strategy::kPack);
  const auto choice = Choose(data, request, AtMost(SizeLimit::kNodes, 4096));
  ASSERT_TRUE(choice.ok()) << choice.status();
  request.options = choice->options;
  int full = 0;
  for (int64_t e = 0; e < 20; ++e) {
    auto epoch = Epoch::Create(data, request, 5, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    full += epoch->plan().summary().node_efficiency >= 0.97 ? 1 : 0;
  }
  EXPECT_GE(full, 19) << "of 20 orders that were not tried";
}

TEST(ChooseSizesTest, EveryStrategyPlacesEveryGraph) {
  MemoryDataset data = DatasetOf(ProteinSizes(1500, 4));
  for (const bool shuffle : {false, true}) {
    for (const Strategy strategy : {Strategy::kPack, Strategy::kStreamPack, Strategy::kPadToMax}) {
      BatchSpec request = Unsized(strategy, shuffle);
      const auto choice = Choose(data, request, AtMost(SizeLimit::kNodes, 2000));
      ASSERT_TRUE(choice.ok()) << choice.status();
      request.options = choice->options;
      auto epoch = Epoch::Create(data, request, 3, 2);
      ASSERT_TRUE(epoch.ok()) << epoch.status();
      EXPECT_EQ(epoch->plan().summary().num_graphs, 1500);
      EXPECT_EQ(epoch->plan().summary().skipped_graphs, 0);
      for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
        int64_t nodes = 0;
        int64_t edges = 0;
        for (const int64_t graph : epoch->Graphs(b)) {
          nodes += data.offsets().NumNodes(0, graph);
          edges += data.offsets().NumEdges(0, graph);
        }
        ASSERT_LT(nodes, choice->options.num_nodes.at(""));
        ASSERT_LT(edges, choice->options.num_edges.at(""));
      }
    }
  }
}

TEST(ChooseSizesTest, PaddedSizesHoldTheLargestGraphsTogether) {
  MemoryDataset data = DatasetOf({{5, 1, 4, 2, 1, 1}, {2, 9, 1, 1, 1, 8}});
  const auto choice = Choose(data, Unsized(Strategy::kPadToMax), AtMost(SizeLimit::kGraphs, 4));
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->options.num_graphs, 4);
  EXPECT_EQ(choice->options.num_nodes.at(""), 5 + 4 + 2 + 1);
  EXPECT_EQ(choice->options.num_edges.at(""), 9 + 8 + 2 + 1);
  EXPECT_EQ(choice->num_batches, 2);
  EXPECT_DOUBLE_EQ(choice->node_efficiency, 14.0 / 24);
  EXPECT_DOUBLE_EQ(choice->edge_efficiency, 22.0 / 40);
}

MemoryDataset Typed(int64_t count) {
  Schema schema;
  schema.heterogeneous = true;
  schema.collection = true;
  schema.node_types = {"movie", "actor", "word"};
  schema.edge_types = {{0, "to", 1}, {1, "to", 0}, {0, "has", 2}};
  MemoryDataset data(schema);
  RandomStream stream = SizeStream(8);
  for (int64_t i = 0; i < count; ++i) {
    const auto movies = static_cast<int64_t>(1 + stream.Below(9));
    const auto actors = static_cast<int64_t>(stream.Below(30));
    const auto words = movies * 3 + static_cast<int64_t>(stream.Below(20));
    const auto casts = std::min(2 * movies, actors * 2) + static_cast<int64_t>(stream.Below(4));
    data.AddGraph({movies, actors, words},
                  {casts, casts, words + static_cast<int64_t>(stream.Below(10))});
  }
  data.Finish();
  return data;
}

// Packs against the bound of each type, each graph once.
TEST(ChooseSizesTest, HeterogeneousSizesAreByType) {
  MemoryDataset data = Typed(4000);
  BatchSpec request = Unsized(Strategy::kPack);
  const auto choice = Choose(data, request, AtMost(SizeLimit::kNodes, 3000));
  ASSERT_TRUE(choice.ok()) << choice.status();
  ASSERT_EQ(choice->options.num_nodes.size(), 3);
  ASSERT_EQ(choice->options.num_edges.size(), 3);
  int64_t nodes = 0;
  for (const auto& [type, count] : choice->options.num_nodes) nodes += count;
  EXPECT_LE(nodes, 3000);
  EXPECT_GE(choice->node_efficiency, 0.93);
  EXPECT_GE(choice->edge_efficiency, 0.93);

  request.options = choice->options;
  for (int64_t e = 0; e < 5; ++e) {
    auto epoch = Epoch::Create(data, request, 3, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const ResolvedOptions& options = epoch->spec().options;
    std::vector<int> seen(4000);
    std::vector<int64_t> all_nodes(3);
    std::vector<int64_t> all_edges(3);
    for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
      for (size_t t = 0; t < 3; ++t) {
        int64_t in_batch = 0;
        int64_t edges_in_batch = 0;
        for (const int64_t graph : epoch->Graphs(b)) {
          in_batch += data.offsets().NumNodes(static_cast<int>(t), graph);
          edges_in_batch += data.offsets().NumEdges(static_cast<int>(t), graph);
        }
        ASSERT_LT(in_batch, options.num_nodes[t]);
        ASSERT_LE(edges_in_batch, options.num_edges[t]);
        all_nodes[t] += in_batch;
        all_edges[t] += edges_in_batch;
      }
      for (const int64_t graph : epoch->Graphs(b)) ++seen[static_cast<size_t>(graph)];
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 4000);
    int64_t bound = (4000 + options.num_graphs - 2) / (options.num_graphs - 1);
    for (size_t t = 0; t < 3; ++t) {
      bound =
          std::max(bound, (all_nodes[t] + options.num_nodes[t] - 2) / (options.num_nodes[t] - 1));
      bound = std::max(bound, (all_edges[t] + options.num_edges[t] - 1) / options.num_edges[t]);
    }
    EXPECT_EQ(epoch->plan().summary().lower_bound_batches, bound);
    EXPECT_EQ(choice->lower_bound_batches, bound);
    EXPECT_LE(static_cast<double>(epoch->plan().num_batches()),
              static_cast<double>(bound) * 1.02 + 1);
  }
}

TEST(ChooseSizesTest, LargeSelectionsAreSampled) {
  MemoryDataset data = DatasetOf(MoleculeSizes(150'000, 6));
  BatchSpec request = Unsized(Strategy::kPack);
  const auto choice = Choose(data, request, AtMost(SizeLimit::kNodes, 2304));
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->num_graphs, 150'000);
  EXPECT_EQ(choice->sampled_graphs, kSampledGraphs);
  const auto again = Choose(data, request, AtMost(SizeLimit::kNodes, 2304));
  EXPECT_EQ(again->options.num_edges, choice->options.num_edges) << "a function of its arguments";
  request.options = choice->options;
  auto epoch = Epoch::Create(data, request, 9);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  const auto batches = static_cast<double>(epoch->plan().num_batches());
  EXPECT_NEAR(static_cast<double>(choice->num_batches), batches, 0.003 * batches);
  EXPECT_GE(epoch->plan().summary().node_efficiency, 0.995);
  EXPECT_GE(epoch->plan().summary().edge_efficiency, 0.97);
}

TEST(ChooseSizesTest, RefusalsNameFieldValueAndLimit) {
  MemoryDataset data = DatasetOf({{5, 29, 4}, {2, 9, 1}});
  const auto error = [&](Strategy strategy, const SizeTarget& target, auto change) {
    BatchSpec request = Unsized(strategy);
    change(request);
    const absl::Status status = Choose(data, request, target).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  const auto as_is = [](BatchSpec&) {};
  const SizeTarget few = AtMost(SizeLimit::kNodes, 29);
  EXPECT_EQ(error(Strategy::kPack, few, as_is),
            "best.num_nodes is 29; a batch with room for the largest graphs has a num_nodes of 30");
  EXPECT_THAT(error(Strategy::kPadToMax, few, as_is), HasSubstr("a num_nodes of 30"));
  EXPECT_THAT(error(Strategy::kStreamPack, AtMost(SizeLimit::kBytes, 10), as_is),
              HasSubstr("best.num_bytes is 10; a batch with room for the largest graphs has a "));
  EXPECT_THAT(error(Strategy::kPack, AtMost(SizeLimit::kGraphs, 1), as_is),
              HasSubstr("best.num_graphs is 1; it is 2 to 2^40"));
  EXPECT_THAT(error(Strategy::kPack, AtMost(SizeLimit::kNodes, SizeTarget::kMax + 1), as_is),
              HasSubstr("it is 1 to 2^40"));
  EXPECT_THAT(
      error(Strategy::kPlain, AtMost(SizeLimit::kNodes, 99), as_is),
      HasSubstr("strategy is plain; sizes are chosen for pad_to_max, stream_pack and pack"));
  EXPECT_THAT(error(Strategy::kPack, AtMost(SizeLimit::kNodes, 99),
                    [](BatchSpec& r) {
                      r.selection.batch_sizes = {1, 2};
                    }),
              HasSubstr("selection.batch_sizes are given"));
  EXPECT_THAT(error(Strategy::kPack, AtMost(SizeLimit::kNodes, 99),
                    [](BatchSpec& r) {
                      r.selection.kind = Selection::Kind::kIds;
                      r.selection.ids = {3};
                    }),
              HasSubstr("3"));
  EXPECT_THAT(ChooseSizes(Unsized(Strategy::kPack), AtMost(SizeLimit::kNodes, 99), data.info(),
                          data.offsets(), /*max_batch_bytes=*/100)
                  .status()
                  .message(),
              HasSubstr("has more than 100 bytes, the largest frame"));
}

TEST(ChooseSizesTest, ItEndsWhenNobodyWaitsForIt) {
  MemoryDataset data = DatasetOf(MoleculeSizes(5000, 6));
  const auto token = std::make_shared<std::atomic<bool>>(true);
  const WorkScope scope(token);
  for (const Strategy strategy : {Strategy::kPack, Strategy::kPadToMax}) {
    EXPECT_EQ(Choose(data, Unsized(strategy), AtMost(SizeLimit::kNodes, 512)).status().code(),
              absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace graphfeed
