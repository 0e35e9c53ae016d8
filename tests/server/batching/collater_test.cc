// Hand-drawn batches, compared element by element.
#include "server/batching/collater.h"

#include "storage/graph/float16.h"
#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Three small graphs with columns of every kind:
//   0: 0 - 1 - 2  (3 nodes, 2 edges)    1: 0 -> 0, 0 -> 1, 1 -> 1  (2 nodes, 3 edges)
//   2: one node, no edge
Schema SmallSchema() {
  Schema schema = Schema::Homogeneous(true);
  ColumnSchema k = GraphColumn("k", DType::kInt64);
  k.non_tensor = true;
  ColumnSchema scal = GraphColumn("scal", DType::kInt16);
  scal.zero_dim = true;
  schema.columns = {NodeColumn("x", DType::kFloat32, {2}),
                    EdgeIndexColumn(schema),
                    EdgeColumn("w", DType::kInt32),
                    GraphColumn("y", DType::kFloat32, {2}),
                    k,
                    NodeColumn("train_mask", DType::kBool),
                    NodeColumn("flag", DType::kBool),
                    GraphColumn("name", DType::kString),
                    scal,
                    GraphColumn("two", DType::kUint8, {}, 2)};
  return schema;
}

MemoryDataset Small() {
  MemoryDataset data(SmallSchema(), 2);
  data.AddGraph({3}, {2});
  data.Append<float>("x", {1, 2, 3, 4, 5, 6});
  data.Append<int64_t>("edge_index", {0, 1, 1, 2});
  data.Append<int32_t>("w", {11, 12});
  data.Append<float>("y", {0.5f, 1.5f});
  data.Append<int64_t>("k", {7});
  data.Append<uint8_t>("train_mask", {1, 0, 1});
  data.Append<uint8_t>("flag", {0, 0, 1});
  data.Append<int16_t>("scal", {-4});
  data.Append<uint8_t>("two", {1, 2});
  data.AddGraph({2}, {3});
  data.Append<float>("x", {10, 20, 30, 40});
  data.Append<int64_t>("edge_index", {0, 0, 0, 1, 1, 1});
  data.Append<int32_t>("w", {21, 22, 23});
  data.Append<float>("y", {2.5f, 3.5f});
  data.Append<int64_t>("k", {8});
  data.Append<uint8_t>("train_mask", {1, 1});
  data.Append<uint8_t>("flag", {1, 0});
  data.Append<int16_t>("scal", {-5});
  data.Append<uint8_t>("two", {3, 4});
  data.AddGraph({1}, {0});
  data.Append<float>("x", {100, 200});
  data.Append<float>("y", {4.5f, 5.5f});
  data.Append<int64_t>("k", {9});
  data.Append<uint8_t>("train_mask", {0});
  data.Append<uint8_t>("flag", {1});
  data.Append<int16_t>("scal", {-6});
  data.Append<uint8_t>("two", {5, 6});
  data.Finish();
  return data;
}

TEST(CollaterTest, RealGraphsComeFirstAndPaddingIsDividedEvenly) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(12, 10, 5);
  request.selection = {Selection::Kind::kRange, 0, 2, {}, {}};
  request.options->node_pad_value = 7.9;
  request.options->edge_pad_value = -3.7;
  request.options->graph_pad_value = 9;
  const TestFrame frame = CollateOne(data, request);

  // 7 padding nodes over 3 padding graphs: 3, 2, 2; 5 padding edges: 2, 2, 1.
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 3, 5, 8, 10, 12));
  EXPECT_THAT(frame.Get<int64_t>("batch"), ElementsAre(0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4));
  EXPECT_THAT(frame.Get<int64_t>("edge_index"), ElementsAre(0, 1, 3, 3, 4, 5, 5, 8, 8, 10,  //
                                                            1, 2, 3, 4, 4, 5, 5, 8, 8, 10));
  const float pad = 7.9f;
  EXPECT_THAT(frame.Get<float>("x"),
              ElementsAre(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, pad, pad, pad, pad, pad, pad, pad, pad,
                          pad, pad, pad, pad, pad, pad));
  // Pad values are converted as C does.
  EXPECT_THAT(frame.Get<int32_t>("w"), ElementsAre(11, 12, 21, 22, 23, -3, -3, -3, -3, -3));
  EXPECT_THAT(frame.Get<float>("y"), ElementsAre(0.5, 1.5, 2.5, 3.5, 9, 9, 9, 9, 9, 9));
  EXPECT_THAT(frame.Get<int16_t>("scal"), ElementsAre(-4, -5, 9, 9, 9));
  EXPECT_THAT(frame.Get<uint8_t>("two"), ElementsAre(1, 2, 3, 4, 9, 9, 9, 9, 9, 9));
  EXPECT_THAT(frame.Bools("flag"), ElementsAre(0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(frame.Bools("graphs_mask"), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(frame.Bools("nodes_mask"), ElementsAre(1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(frame.Bools("edges_mask"), ElementsAre(1, 1, 1, 1, 1, 0, 0, 0, 0, 0));
  EXPECT_EQ(frame.info.real[0], (Counts{2, {5}, {5}}));
  EXPECT_FALSE(frame.Has("name"));
}

TEST(CollaterTest, SplitMasksPadWithFalseWhateverThePadValue) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 10, 3);
  request.options->node_pad_value = 1;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Bools("train_mask"), ElementsAre(1, 0, 1, 1, 1, 0, 0, 0));
  EXPECT_THAT(frame.Bools("flag"), ElementsAre(0, 0, 1, 1, 0, 1, 1, 1));
}

TEST(CollaterTest, NonTensorsRepeatTheFirstGraphsValueOrTheDefault) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 10, 4);
  request.selection = {Selection::Kind::kRange, 1, 3, {}, {}};
  EXPECT_THAT(CollateOne(data, request).Get<int64_t>("k"), ElementsAre(8, 9, 8, 8));
  request.options->pad_graph_defaults["k"] = -1;
  EXPECT_THAT(CollateOne(data, request).Get<int64_t>("k"), ElementsAre(8, 9, -1, -1));
  request.options->pad_graph_defaults.clear();
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok());
  EXPECT_THAT(epoch->Collate(0, /*null_frame=*/true)->Get<int64_t>("k"), ElementsAre(0, 0, 0, 0));
}

TEST(CollaterTest, ExactFillStillHasItsPaddingGraphs) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(5, 5, 4);
  request.selection = {Selection::Kind::kRange, 0, 2, {}, {}};
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 3, 5, 5, 5));
  EXPECT_THAT(frame.Bools("graphs_mask"), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(frame.Bools("nodes_mask"), Each(1));
  EXPECT_EQ(frame.Get<float>("y").size(), 8u);
}

TEST(CollaterTest, ExactFillNeedsNoPaddingGraph) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(5, 5, 2);
  request.selection = {Selection::Kind::kRange, 0, 2, {}, {2}};
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 3, 5));
  EXPECT_THAT(frame.Bools("graphs_mask"), ElementsAre(1, 1));
}

TEST(CollaterTest, PaddingEdgesBorrowANodeOfAnEarlierPaddingGraph) {
  MemoryDataset data = Small();
  // One padding node for three padding graphs, six padding edges.
  BatchSpec request = Padded(6, 11, 5);
  request.selection = {Selection::Kind::kRange, 0, 2, {}, {}};
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 3, 5, 6, 6, 6));
  EXPECT_THAT(frame.Get<int64_t>("edge_index"), ElementsAre(0, 1, 3, 3, 4, 5, 5, 5, 5, 5, 5,  //
                                                            1, 2, 3, 4, 4, 5, 5, 5, 5, 5, 5));
}

TEST(CollaterTest, RefusesABatchThatDoesNotFitNamingGraphsSizeAndLimit) {
  MemoryDataset data = Small();
  const auto error = [&](BatchSpec request) {
    request.selection = {Selection::Kind::kIds, 0, 0, {1, 0}, {2}};
    auto epoch = Epoch::Create(data, request);
    if (!epoch.ok()) return epoch.status();
    return epoch->Collate(0).status();
  };
  const absl::Status nodes = error(Padded(4, 9, 3));
  EXPECT_EQ(nodes.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(nodes.message(), "batch 0 (graphs 1, 0) has 5 nodes; a batch holds 4 (num_nodes)");
  EXPECT_EQ(error(Padded(9, 4, 3)).message(),
            "batch 0 (graphs 1, 0) has 5 edges; a batch holds 4 (num_edges)");
  EXPECT_EQ(error(Padded(5, 6, 3)).message(),
            "batch 0 (graphs 1, 0) fills all 5 nodes (num_nodes), but its 1 padding edges need a "
            "padding node");
  EXPECT_EQ(error(Padded(6, 5, 2)).message(),
            "batch 0 (graphs 1, 0) needs padding, but leaves no padding graph of num_graphs 2");
  EXPECT_TRUE(error(Padded(6, 5, 3)).ok());
  BatchSpec skip = Padded(4, 9, 3);
  skip.over_size = OverSize::kSkip;  // a padded batch is refused all the same
  EXPECT_EQ(error(skip).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(CollaterTest, FollowBatchAddsOrdinalsAndPtrOfAnyLevel) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 7, 3);
  request.follow_batch = {"two", "w", "x"};
  const TestFrame frame = CollateOne(data, request);
  EXPECT_EQ(frame.Get<int64_t>("x_batch"), frame.Get<int64_t>("batch"));
  EXPECT_EQ(frame.Get<int64_t>("x_ptr"), frame.Get<int64_t>("ptr"));
  EXPECT_THAT(frame.Get<int64_t>("w_batch"), ElementsAre(0, 0, 1, 1, 1, 2, 2));
  EXPECT_THAT(frame.Get<int64_t>("w_ptr"), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(frame.Get<int64_t>("two_batch"), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(frame.Get<int64_t>("two_ptr"), ElementsAre(0, 2, 4, 6));
}

TEST(CollaterTest, MicroBatchesFollowEachOtherAlongTheFirstDimension) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(5, 4, 2);
  request.micro_batches = 2;
  request.options->node_pad_value = -1;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  ASSERT_EQ(epoch->plan().num_frames(), 2);
  const TestFrame first = *epoch->Collate(0);
  EXPECT_THAT(first.Shape("edge_index"), ElementsAre(4, 4));
  EXPECT_THAT(first.Shape("x"), ElementsAre(10, 2));
  EXPECT_THAT(first.Shape("ptr"), ElementsAre(6));
  EXPECT_THAT(first.Get<int64_t>("edge_index"), ElementsAre(0, 1, 3, 3,  //
                                                            1, 2, 3, 3,  //
                                                            0, 0, 1, 2,  //
                                                            0, 1, 1, 2));
  EXPECT_THAT(first.Get<int64_t>("batch"), ElementsAre(0, 0, 0, 1, 1, 0, 0, 1, 1, 1));
  EXPECT_THAT(first.Get<int64_t>("ptr"), ElementsAre(0, 3, 5, 0, 2, 5));
  EXPECT_THAT(first.Get<int64_t>("k"), ElementsAre(7, 7, 8, 8));
  EXPECT_EQ(first.info.real, (std::vector<Counts>{{1, {3}, {2}}, {1, {2}, {3}}}));
  // The last frame is filled with a null batch.
  const TestFrame last = *epoch->Collate(1);
  EXPECT_EQ(last.info.real, (std::vector<Counts>{{1, {1}, {0}}, {0, {0}, {0}}}));
  EXPECT_THAT(last.Bools("graphs_mask"), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(last.Get<int64_t>("ptr"), ElementsAre(0, 1, 5, 0, 3, 5));
  EXPECT_THAT(last.Get<int64_t>("edge_index"), ElementsAre(1, 1, 1, 1,  //
                                                           1, 1, 1, 1,  //
                                                           0, 0, 3, 3,  //
                                                           0, 0, 3, 3));
}

TEST(CollaterTest, PlainBatchesHoldTheRealRowsInTheOrderOfTheSchema) {
  MemoryDataset data = Small();
  BatchSpec request;
  request.strategy = Strategy::kPlain;
  request.batch_size = 2;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  const TestFrame frame = *epoch->Collate(0);
  std::vector<std::string> names;
  for (const TensorSpec& tensor : frame.layout.tensors) names.push_back(tensor.name);
  EXPECT_THAT(names, ElementsAre("x", "edge_index", "w", "y", "k", "train_mask", "flag", "scal",
                                 "two", "batch", "ptr"));
  EXPECT_THAT(frame.Get<int64_t>("edge_index"), ElementsAre(0, 1, 3, 3, 4, 1, 2, 3, 4, 4));
  EXPECT_THAT(frame.Get<int64_t>("batch"), ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 3, 5));
  const TestFrame last = *epoch->Collate(1);
  EXPECT_THAT(last.Get<float>("x"), ElementsAre(100, 200));
  EXPECT_THAT(last.Shape("edge_index"), ElementsAre(2, 0));
  const TestFrame null = *epoch->Collate(2, /*null_frame=*/true);
  EXPECT_THAT(null.Get<int64_t>("ptr"), ElementsAre(0));
}

TEST(CollaterTest, PlainBatchesKeepToTheFrameLimit) {
  MemoryDataset data = Small();
  BatchSpec request;
  request.strategy = Strategy::kPlain;
  request.batch_size = 3;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok());
  bool allocated = false;
  FrameInfo info;
  const absl::Status status = epoch->collater().Collate(
      epoch->plan(), 0, 0, false, data, 100,
      [&](int64_t) -> std::byte* {
        allocated = true;
        return nullptr;
      },
      info);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(allocated);
}

TEST(CollaterTest, FixedSizeTensorsAreOrderedByName) {
  MemoryDataset data = Small();
  auto epoch = Epoch::Create(data, Padded(8, 7, 3));
  ASSERT_TRUE(epoch.ok());
  std::vector<std::string> names;
  for (const TensorSpec& tensor : epoch->collater().layout().tensors) names.push_back(tensor.name);
  EXPECT_THAT(names,
              ElementsAre("x", "edge_index", "y", "batch", "edges_mask", "flag", "graphs_mask", "k",
                          "nodes_mask", "ptr", "scal", "train_mask", "two", "w"));
}

TEST(CollaterTest, ExcludedColumnsAndMasksAreLeftOut) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 7, 3);
  request.exclude_keys = {"edge_index", "w", "k", "name"};
  request.masks = false;
  const TestFrame frame = CollateOne(data, request);
  for (const char* name : {"edge_index", "w", "k", "nodes_mask", "edges_mask", "graphs_mask"}) {
    EXPECT_FALSE(frame.Has(name)) << name;
  }
  EXPECT_TRUE(frame.Has("x"));
  EXPECT_TRUE(frame.Has("ptr"));
}

TEST(CollaterTest, NarrowedColumnsHoldTheSameValues) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 7, 3);
  request.follow_batch = {"w"};
  const TestFrame wide = CollateOne(data, request);
  request.index_dtype = DType::kInt32;
  request.narrow_columns = {"k"};
  request.float16_columns = {"x", "y"};
  const TestFrame narrow = CollateOne(data, request);
  for (const char* name : {"edge_index", "batch", "ptr", "w_batch", "w_ptr", "k"}) {
    const std::vector<int32_t> values = narrow.Get<int32_t>(name);
    EXPECT_EQ(std::vector<int64_t>(values.begin(), values.end()), wide.Get<int64_t>(name)) << name;
  }
  std::vector<float> x;
  for (const uint16_t bits : narrow.Get<uint16_t>("x")) x.push_back(FloatFromFloat16(bits));
  EXPECT_EQ(x, wide.Get<float>("x"));
}

TEST(CollaterTest, EveryByteOfTheSlabIsWritten) {
  MemoryDataset data = Small();
  BatchSpec request = Padded(8, 7, 3);
  request.micro_batches = 2;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok());
  EXPECT_EQ(epoch->Collate(0, false, 0x00)->bytes, epoch->Collate(0, false, 0xff)->bytes);
}

TEST(CollaterTest, ReadErrorsAndMissingMemoryAreHandedUp) {
  MemoryDataset data = Small();
  auto epoch = Epoch::Create(data, Padded(8, 7, 3));
  ASSERT_TRUE(epoch.ok());
  FrameInfo info;
  const absl::Status status = epoch->collater().Collate(
      epoch->plan(), 0, 0, false, data, kTestLimit, [](int64_t) -> std::byte* { return nullptr; },
      info);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(epoch->Collate(99).status().code(), absl::StatusCode::kInvalidArgument);
  data.FailWith(absl::DataLossError("chunk 7"));
  EXPECT_EQ(epoch->Collate(0).status(), absl::DataLossError("chunk 7"));
}

TEST(CollaterTest, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
  MemoryDataset data = Small();
  EXPECT_EQ(Epoch::Create(data, Padded(1000000000000, 7, 3)).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Epoch::Create(data, Padded(8, int64_t{1} << 40, 3)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace graphfeed
