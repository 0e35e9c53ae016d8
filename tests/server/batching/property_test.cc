// Seeded properties of whole epochs over random graphs: what is true of every batch.
#include <set>

#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

struct World {
  MemoryDataset data;
  BatchSpec request;
};

// A random homogeneous dataset and limits that all its batches meet.
World RandomWorld(uint64_t seed) {
  const CounterRandom random(seed, 9, RandomPurpose::kTrim);
  RandomStream stream(random, 0, 0);
  Schema schema = Schema::Homogeneous(true);
  schema.columns = {NodeColumn("x", DType::kFloat32, {3}), EdgeIndexColumn(schema),
                    EdgeColumn("edge_attr", DType::kInt16, {2}), GraphColumn("y", DType::kFloat64)};
  MemoryDataset data(schema, static_cast<int64_t>(1 + stream.Below(9)));
  const auto num_graphs = static_cast<int64_t>(1 + stream.Below(40));
  for (int64_t g = 0; g < num_graphs; ++g) {
    const auto nodes = static_cast<int64_t>(stream.Below(8));
    const auto edges = nodes == 0 ? 0 : static_cast<int64_t>(stream.Below(14));
    data.AddGraph({nodes}, {edges});
    std::vector<float> x;
    for (int64_t i = 0; i < 3 * nodes; ++i) x.push_back(static_cast<float>(stream.Below(1000)));
    std::vector<int64_t> ends;
    std::vector<int16_t> attributes;
    for (int64_t i = 0; i < 2 * edges; ++i) {
      ends.push_back(static_cast<int64_t>(stream.Below(nodes)));
      attributes.push_back(static_cast<int16_t>(stream.Below(1000)));
    }
    data.Append("x", x);
    data.Append("edge_index", ends);
    data.Append("edge_attr", attributes);
    data.Append<double>("y", {static_cast<double>(stream.Below(1000)) / 8});
  }
  data.Finish();
  const auto num_real = static_cast<int64_t>(1 + stream.Below(6));
  const int64_t slack = static_cast<int64_t>(stream.Below(9));
  BatchSpec request = Padded(7 * num_real + 1 + slack, 13 * num_real + 1, num_real + 1);
  constexpr Strategy kStrategies[] = {Strategy::kPadToMax, Strategy::kStreamPack, Strategy::kPack};
  request.strategy = kStrategies[stream.Below(3)];
  request.shuffle = stream.Below(2) == 0;
  request.micro_batches = static_cast<int64_t>(1 + stream.Below(3));
  request.options->node_pad_value = -5;
  request.options->edge_pad_value = -6;
  request.options->graph_pad_value = -7;
  return {std::move(data), std::move(request)};
}

// The part of a tensor that belongs to micro-batch m of k.
template <typename T>
std::vector<T> Part(const std::vector<T>& values, int64_t m, int64_t k) {
  const int64_t size = static_cast<int64_t>(values.size()) / k;
  return std::vector<T>(values.begin() + m * size, values.begin() + (m + 1) * size);
}

// Checks micro-batch m against the stored graphs: unpad(pad(graphs)) == graphs, and what padding
// may touch.
void CheckBatch(const World& world, const ResolvedSpec& spec, const std::vector<int64_t>& graphs,
                const TestFrame& frame, int64_t m) {
  const int64_t k = spec.micro_batches;
  const int64_t num_nodes = spec.options.num_nodes[0];
  const int64_t num_edges = spec.options.num_edges[0];
  const int64_t num_graphs = spec.options.num_graphs;
  const GraphOffsets& offsets = world.data.offsets();
  const auto x = Part(frame.Get<float>("x"), m, k);
  const auto ends = Part(frame.Get<int64_t>("edge_index"), m, k);
  const auto attributes = Part(frame.Get<int16_t>("edge_attr"), m, k);
  const auto y = Part(frame.Get<double>("y"), m, k);
  const auto batch = Part(frame.Get<int64_t>("batch"), m, k);
  const auto ptr = Part(frame.Get<int64_t>("ptr"), m, k);
  const auto nodes_mask = Part(frame.Bools("nodes_mask"), m, k);
  const auto edges_mask = Part(frame.Bools("edges_mask"), m, k);
  const auto graphs_mask = Part(frame.Bools("graphs_mask"), m, k);
  ASSERT_EQ(static_cast<int64_t>(x.size()), 3 * num_nodes);
  ASSERT_EQ(static_cast<int64_t>(ends.size()), 2 * num_edges);
  ASSERT_EQ(static_cast<int64_t>(ptr.size()), num_graphs + 1);

  int64_t node = 0;
  int64_t edge = 0;
  for (size_t g = 0; g < graphs.size(); ++g) {
    ASSERT_EQ(ptr[g], node);
    EXPECT_EQ(y[g], world.data.At<double>(3, graphs[g]));
    for (int64_t e = offsets.edge_ptr[0][graphs[g]]; e < offsets.edge_ptr[0][graphs[g] + 1]; ++e) {
      EXPECT_EQ(ends[edge], node + world.data.At<int64_t>(1, 2 * e));
      EXPECT_EQ(ends[num_edges + edge], node + world.data.At<int64_t>(1, 2 * e + 1));
      EXPECT_EQ(attributes[2 * edge + 1], world.data.At<int16_t>(2, 2 * e + 1));
      ++edge;
    }
    for (int64_t n = offsets.node_ptr[0][graphs[g]]; n < offsets.node_ptr[0][graphs[g] + 1]; ++n) {
      for (int64_t f = 0; f < 3; ++f) {
        EXPECT_EQ(x[3 * node + f], world.data.At<float>(0, 3 * n + f));
      }
      ++node;
    }
  }
  EXPECT_EQ(frame.info.real[m], (Counts{static_cast<int64_t>(graphs.size()), {node}, {edge}}));

  for (int64_t n = 0; n < num_nodes; ++n) {
    EXPECT_EQ(nodes_mask[n], n < node ? 1 : 0);
    EXPECT_GE(n, ptr[batch[n]]);
    EXPECT_LT(n, ptr[batch[n] + 1]);
    if (n >= node) {
      EXPECT_EQ(x[3 * n], -5);
    }
  }
  for (int64_t e = 0; e < num_edges; ++e) {
    EXPECT_EQ(edges_mask[e], e < edge ? 1 : 0);
    ASSERT_GE(ends[e], 0);
    ASSERT_LT(ends[e], num_nodes);
    ASSERT_LT(ends[num_edges + e], num_nodes);
    EXPECT_EQ(batch[ends[e]], batch[ends[num_edges + e]]) << "an edge crosses graphs";
    EXPECT_EQ(ends[e] >= node, e >= edge) << "padding edges touch padding nodes only";
    if (e >= edge) {
      EXPECT_EQ(attributes[2 * e], -6);
      EXPECT_EQ(ends[e], ptr[batch[ends[e]]]) << "the first node of its graph";
      EXPECT_EQ(ends[e], ends[num_edges + e]);
    }
  }
  for (int64_t g = 0; g < num_graphs; ++g) {
    const bool real = g < static_cast<int64_t>(graphs.size());
    EXPECT_EQ(graphs_mask[g], real ? 1 : 0);
    if (!real) {
      EXPECT_EQ(y[g], -7);
    }
  }
  // Padding is divided evenly, the first graphs get one more.
  for (int64_t g = static_cast<int64_t>(graphs.size()); g + 1 < num_graphs; ++g) {
    const int64_t difference = (ptr[g + 1] - ptr[g]) - (ptr[g + 2] - ptr[g + 1]);
    EXPECT_GE(difference, 0);
    EXPECT_LE(difference, 1);
  }
  EXPECT_EQ(ptr[num_graphs], num_nodes);
}

TEST(BatchPropertyTest, UnpaddingABatchGivesTheGraphsBack) {
  int packed = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    World world = RandomWorld(seed);
    auto epoch = Epoch::Create(world.data, world.request, seed, 2);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    packed += Packs(world.request.strategy) ? 1 : 0;
    std::multiset<int64_t> delivered;
    const int64_t k = world.request.micro_batches;
    for (int64_t f = 0; f < epoch->plan().num_frames(); ++f) {
      auto frame = epoch->Collate(f);
      ASSERT_TRUE(frame.ok()) << frame.status();
      for (int64_t m = 0; m < k; ++m) {
        const std::vector<int64_t> graphs = epoch->Graphs(f * k + m);
        delivered.insert(graphs.begin(), graphs.end());
        CheckBatch(world, epoch->spec(), graphs, *frame, m);
      }
      if (HasFatalFailure()) return;
    }
    // Every graph exactly once.
    EXPECT_EQ(static_cast<int64_t>(delivered.size()), world.data.info().num_graphs);
    EXPECT_EQ(std::set<int64_t>(delivered.begin(), delivered.end()).size(), delivered.size());
  }
  EXPECT_GT(packed, 50);
  EXPECT_LT(packed, 150);
}

TEST(BatchPropertyTest, BytesDependOnNothingButSpecSeedEpochAndOrdinal) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    World world = RandomWorld(seed);
    auto forward = Epoch::Create(world.data, world.request, seed, 1);
    auto backward = Epoch::Create(world.data, world.request, seed, 1);
    ASSERT_TRUE(forward.ok() && backward.ok());
    const int64_t frames = forward->plan().num_frames();
    std::vector<std::vector<std::byte>> bytes;
    for (int64_t f = 0; f < frames; ++f) bytes.push_back(forward->Collate(f)->bytes);
    for (int64_t f = frames; f-- > 0;) {
      EXPECT_EQ(backward->Collate(f, false, 0x11)->bytes, bytes[f]) << "seed " << seed;
    }
  }
}

TEST(BatchPropertyTest, NullFramesHoldPaddingOnly) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    World world = RandomWorld(seed);
    auto epoch = Epoch::Create(world.data, world.request, seed);
    ASSERT_TRUE(epoch.ok());
    auto frame = epoch->Collate(epoch->plan().num_frames() + 3, /*null_frame=*/true);
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_TRUE(frame->info.null_frame);
    for (int64_t m = 0; m < world.request.micro_batches; ++m) {
      CheckBatch(world, epoch->spec(), {}, *frame, m);
    }
  }
}

TEST(BatchPropertyTest, PlainBatchesArePaddedOnesWithoutThePadding) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    World world = RandomWorld(seed);
    BatchSpec padded = world.request;
    padded.strategy = Strategy::kPadToMax;
    padded.micro_batches = 1;
    BatchSpec plain;
    plain.strategy = Strategy::kPlain;
    plain.batch_size = padded.options->num_graphs - 1;
    plain.shuffle = padded.shuffle;
    auto padded_epoch = Epoch::Create(world.data, padded, seed);
    auto plain_epoch = Epoch::Create(world.data, plain, seed);
    ASSERT_TRUE(padded_epoch.ok() && plain_epoch.ok());
    ASSERT_EQ(padded_epoch->plan().num_frames(), plain_epoch->plan().num_frames());
    for (int64_t f = 0; f < plain_epoch->plan().num_frames(); ++f) {
      const TestFrame a = *padded_epoch->Collate(f);
      const TestFrame b = *plain_epoch->Collate(f);
      EXPECT_EQ(a.info.real, b.info.real);
      const auto head = [](auto values, size_t count) {
        values.resize(count);
        return values;
      };
      for (const char* name : {"x"}) {
        const auto want = b.Get<float>(name);
        EXPECT_EQ(head(a.Get<float>(name), want.size()), want);
      }
      for (const char* name : {"batch", "ptr"}) {
        const auto want = b.Get<int64_t>(name);
        EXPECT_EQ(head(a.Get<int64_t>(name), want.size()), want);
      }
    }
  }
}

}  // namespace
}  // namespace graphfeed
