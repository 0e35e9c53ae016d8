#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <set>

#include "server/batching/resolved_spec.h"
#include "storage/base/digest.h"
#include "tests/support/memory_features.h"

namespace graphfeed {
namespace {

Schema TwoTypes() {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"a", "b"};
  schema.edge_types = {{0, "to", 1}, {1, "rev", 0}};
  schema.columns = {NodeColumn("mask", DType::kBool, {1}, 0),
                    NodeColumn("part", DType::kInt64, {1}, 0),
                    NodeColumn("other", DType::kBool, {1}, 0)};
  return schema;
}

ResolvedSpec PaddedSpec() {
  ResolvedSpec spec;
  spec.options.num_nodes = {50, 60};
  spec.options.num_edges = {90, 80};
  spec.options.num_graphs = 3;
  spec.batch_size = 3;
  return spec;
}

ResolvedSpec NeighborSpec() {
  ResolvedSpec spec;
  spec.strategy = Strategy::kNeighbor;
  spec.ragged = true;
  spec.masks = false;
  spec.batch_size = 8;
  spec.shuffle = true;
  spec.sampling.emplace();
  spec.sampling->num_neighbors = {{15, 10}, {-1, 0}};
  spec.sampling->time_attr = "time";
  spec.sampling->weight_attr = "weight";
  spec.sampling->input_type = 1;
  spec.sampling->input_mask = 0;
  spec.sampling->input_time = {7, 8};
  return spec;
}

ResolvedSpec LinkSpec() {
  ResolvedSpec spec = NeighborSpec();
  spec.sampling->links.emplace();
  spec.sampling->links->edge_type = 1;
  spec.sampling->links->sources = {1, 2};
  spec.sampling->links->targets = {3, 4};
  spec.sampling->links->labels = {0, 5};
  spec.sampling->links->negative_mode = NegativeMode::kBinary;
  spec.sampling->links->negative_amount = 2.5;
  return spec;
}

ResolvedSpec ClusterSpec() {
  ResolvedSpec spec = PaddedSpec();
  spec.strategy = Strategy::kCluster;
  spec.over_size = OverSize::kTrimNodesAndEdges;
  spec.sampling.emplace();
  spec.sampling->partition = 1;
  return spec;
}

std::string Digest(const ResolvedSpec& spec, const AlgorithmVersions& algorithms = kAlgorithms) {
  return DigestHex(SpecDigest(spec, TwoTypes(), algorithms));
}

using Changes = std::vector<std::function<void(ResolvedSpec&)>>;

// How many digests the changes make of a spec.
size_t NumDigests(const ResolvedSpec& spec, const Changes& changes) {
  std::set<std::string> digests;
  for (const auto& change : changes) {
    ResolvedSpec changed = spec;
    change(changed);
    digests.insert(Digest(changed));
  }
  return digests.size();
}

TEST(SpecDigestTest, EveryFieldCounts) {
  const Changes changes = {
      [](auto&) {},
      [](auto& s) { s.strategy = Strategy::kStreamPack; },
      [](auto& s) { s.strategy = Strategy::kPack; },
      [](auto& s) { s.over_size = OverSize::kSkip; },
      [](auto& s) { ++s.options.num_nodes[0]; },
      [](auto& s) { ++s.options.num_edges[0]; },
      [](auto& s) { ++s.options.num_graphs; },
      [](auto& s) { s.options.node_pad_value = 1; },
      [](auto& s) { s.options.node_pad_value = -0.0; },  // other bytes than 0
      [](auto& s) { s.options.edge_pad_value = 1; },
      [](auto& s) { s.options.graph_pad_value = 1; },
      [](auto& s) { s.options.pad_graph_defaults["y"] = 0; },
      [](auto& s) { s.options.pad_graph_defaults["y"] = 1; },
      [](auto& s) { ++s.batch_size; },
      [](auto& s) {
        s.selection = {Selection::Kind::kRange, 0, 3, {}, {}};
      },
      [](auto& s) {
        s.selection = {Selection::Kind::kRange, 1, 3, {}, {}};
      },
      [](auto& s) {
        s.selection = {Selection::Kind::kIds, 0, 0, {2, 1}, {}};
      },
      [](auto& s) {
        s.selection.batch_sizes = {2, 1};
      },
      [](auto& s) { s.shuffle = true; },
      [](auto& s) { s.drop_last = true; },
      [](auto& s) { s.incomplete_step = IncompleteStep::kDrop; },
      [](auto& s) { s.micro_batches = 2; },
      [](auto& s) { s.masks = false; },
      [](auto& s) { s.exclude_keys = {"x"}; },
      [](auto& s) { s.follow_batch = {"x"}; },
      [](auto& s) { s.index_dtype = DType::kInt32; },
      [](auto& s) { s.narrow_columns = {"x"}; },
      [](auto& s) { s.float16_columns = {"x"}; },
  };
  EXPECT_EQ(NumDigests(PaddedSpec(), changes), changes.size());
}

TEST(SpecDigestTest, EveryFieldOfSamplingCounts) {
  const Changes changes = {
      [](auto&) {},
      [](auto& s) { s.sampling->num_neighbors[0][1] = 11; },
      [](auto& s) { s.sampling->replace = true; },
      [](auto& s) { s.sampling->subgraph_type = SubgraphType::kInduced; },
      [](auto& s) { s.sampling->disjoint = true; },
      [](auto& s) { s.sampling->time_attr = "t"; },
      [](auto& s) { s.sampling->temporal_strategy = TemporalStrategy::kLast; },
      [](auto& s) { s.sampling->weight_attr = "w"; },
      [](auto& s) { s.sampling->input_type = 0; },
      [](auto& s) { s.sampling->input_mask = 2; },
      [](auto& s) { s.sampling->input_time[1] = 9; },
      [](auto& s) { s.sampling->partition = 1; },
      [](auto& s) { s.sampling->links->edge_type = 0; },
      [](auto& s) { s.sampling->links->sources[0] = 2; },
      [](auto& s) { s.sampling->links->targets[0] = 4; },
      [](auto& s) { s.sampling->links->labels[0] = 1; },
      [](auto& s) { s.sampling->links->negative_mode = NegativeMode::kTriplet; },
      [](auto& s) { s.sampling->links->negative_amount = 3; },
      [](auto& s) { s.sampling->links->exclude_seed_edges = true; },
      [](auto& s) {
        s.sampling->links->float_labels = {0, 5};
      },
      [](auto& s) {
        s.sampling->links->float_labels = {0.5, 5};
      },
      [](auto& s) { s.sampling->links.reset(); },
  };
  EXPECT_EQ(NumDigests(LinkSpec(), changes), changes.size());
}

// Recorded: a change of the encoding changes every digest.
TEST(SpecDigestTest, DigestsAreTheRecordedOnes) {
  EXPECT_EQ(Digest(PaddedSpec()), "d1758d6804712f46b7276821215d86b4");
  EXPECT_EQ(Digest(NeighborSpec()), "85adeec262f438aacc1ce2234081037b");
  EXPECT_EQ(Digest(LinkSpec()), "4e07fe2d60f6ad63a62bc36b8612ee0b");
  EXPECT_EQ(Digest(ClusterSpec()), "455787aa9047a96e1c9891b8e74a438a");
}

// Which of the specs' digests change with the version of an algorithm.
std::vector<bool> Changed(uint32_t AlgorithmVersions::*algorithm) {
  AlgorithmVersions later;
  later.*algorithm = 2;
  ResolvedSpec packed = PaddedSpec();
  packed.strategy = Strategy::kStreamPack;
  ResolvedSpec looking_ahead = PaddedSpec();
  looking_ahead.strategy = Strategy::kPack;
  ResolvedSpec weighted = LinkSpec();
  weighted.sampling->weight_columns = {-1, 2};
  ResolvedSpec latest = NeighborSpec();
  latest.sampling->temporal_strategy = TemporalStrategy::kLast;
  std::vector<bool> changed;
  for (const ResolvedSpec& spec :
       {PaddedSpec(), packed, NeighborSpec(), weighted, latest, ClusterSpec(), looking_ahead}) {
    changed.push_back(Digest(spec, later) != Digest(spec));
  }
  return changed;
}

TEST(SpecDigestTest, ALaterAlgorithmChangesTheDigestsOfThoseWhoUseIt) {
  using Bools = std::vector<bool>;
  // padded, packed, neighbours, by weight with negatives, the latest, clusters, packed looking
  // ahead
  EXPECT_EQ(Changed(&AlgorithmVersions::shuffle), Bools({0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::packing), Bools({0, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::trimming), Bools({0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::neighbors), Bools({0, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::weighted_neighbors), Bools({0, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::latest_neighbors), Bools({0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::clusters), Bools({0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::negatives), Bools({0, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(Changed(&AlgorithmVersions::look_ahead_packing), Bools({0, 0, 0, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace graphfeed
