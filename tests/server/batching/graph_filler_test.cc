// Hand-drawn batches of typed graphs and index columns, compared element by element.
#include "server/batching/graph_filler.h"

#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GraphFillerTest, IndexColumnsOfAnyLevelAreShiftedAndPaddedAsOthers) {
  Schema schema = Schema::Homogeneous(true);
  ColumnSchema parent = NodeColumn("parent_index", DType::kInt32);
  parent.index_types = {0};
  ColumnSchema face = GraphColumn("face", DType::kInt64, {3});
  face.concat_last = true;
  face.index_types = {0};
  ColumnSchema root = GraphColumn("root_index", DType::kInt64, {1});
  root.index_types = {0};
  schema.columns = {EdgeIndexColumn(schema, 0, DType::kInt32), parent, face, root};
  MemoryDataset data(schema, 1);
  data.AddGraph({3}, {1});
  data.Append<int32_t>("edge_index", {2, 0});
  data.Append<int32_t>("parent_index", {0, 0, 1});
  data.Append<int64_t>("face", {0, 1, 2});
  data.Append<int64_t>("root_index", {2});
  data.AddGraph({3}, {1});
  data.Append<int32_t>("edge_index", {1, 2});
  data.Append<int32_t>("parent_index", {2, 2, 2});
  data.Append<int64_t>("face", {2, 1, 0});
  data.Append<int64_t>("root_index", {0});
  data.Finish();
  BatchSpec request = Padded(8, 3, 3);
  request.options->node_pad_value = -1;
  request.options->graph_pad_value = -2;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int32_t>("edge_index"), ElementsAre(2, 4, 6, 0, 5, 6));
  EXPECT_THAT(frame.Get<int32_t>("parent_index"), ElementsAre(0, 0, 1, 5, 5, 5, -1, -1));
  EXPECT_THAT(frame.Shape("face"), ElementsAre(3, 3));
  EXPECT_THAT(frame.Get<int64_t>("face"), ElementsAre(0, 5, -2, 1, 4, -2, 2, 3, -2));
  EXPECT_THAT(frame.Get<int64_t>("root_index"), ElementsAre(2, 3, -2));
}

// Two node types and two edge types; graph 1 has no node of type b.
MemoryDataset Typed() {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"a", "b"};
  schema.edge_types = {{0, "to", 1}, {1, "rev", 0}};
  schema.columns = {GraphColumn("y", DType::kInt64),
                    NodeColumn("x", DType::kFloat32, {1}, 0),
                    NodeColumn("x", DType::kFloat32, {1}, 1),
                    EdgeIndexColumn(schema, 0),
                    EdgeIndexColumn(schema, 1),
                    EdgeColumn("w", DType::kInt64, {}, 1)};
  MemoryDataset data(schema, 2);
  data.AddGraph({2, 1}, {2, 1});
  data.Append<int64_t>("y", {5});
  data.Append<float>("x", {1, 2}, "a");
  data.Append<float>("x", {3}, "b");
  data.Append<int64_t>("edge_index", {0, 0, 1, 0}, "a|to|b");
  data.Append<int64_t>("edge_index", {0, 1}, "b|rev|a");
  data.Append<int64_t>("w", {8}, "b|rev|a");
  data.AddGraph({1, 2}, {1, 2});
  data.Append<int64_t>("y", {6});
  data.Append<float>("x", {4}, "a");
  data.Append<float>("x", {5, 6}, "b");
  data.Append<int64_t>("edge_index", {0, 1}, "a|to|b");
  data.Append<int64_t>("edge_index", {1, 0, 0, 0}, "b|rev|a");
  data.Append<int64_t>("w", {9, 10}, "b|rev|a");
  data.Finish();
  return data;
}

BatchSpec TypedRequest(int64_t a, int64_t b, int64_t ab, int64_t ba, int64_t num_graphs) {
  BatchSpec request = Padded(1, 1, num_graphs);
  request.options->num_nodes = {{"a", a}, {"b", b}};
  request.options->num_edges = {{"a|to|b", ab}, {"b|rev|a", ba}};
  return request;
}

TEST(GraphFillerTest, TypesArePaddedIndependently) {
  MemoryDataset data = Typed();
  BatchSpec request = TypedRequest(6, 5, 6, 4, 4);
  request.options->node_pad_value = 2;
  request.options->edge_pad_value = -2;
  request.options->graph_pad_value = -3;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("y"), ElementsAre(5, 6, -3, -3));
  EXPECT_THAT(frame.Get<float>("x", "a"), ElementsAre(1, 2, 4, 2, 2, 2));
  EXPECT_THAT(frame.Get<float>("x", "b"), ElementsAre(3, 5, 6, 2, 2));
  EXPECT_THAT(frame.Get<int64_t>("ptr", "a"), ElementsAre(0, 2, 3, 5, 6));
  EXPECT_THAT(frame.Get<int64_t>("ptr", "b"), ElementsAre(0, 1, 3, 4, 5));
  // Padding edges: two in the first padding graph, one in the second.
  EXPECT_THAT(frame.Get<int64_t>("edge_index", "a|to|b"), ElementsAre(0, 1, 2, 3, 3, 5,  //
                                                                      0, 0, 2, 3, 3, 4));
  EXPECT_THAT(frame.Get<int64_t>("edge_index", "b|rev|a"), ElementsAre(0, 2, 1, 3,  //
                                                                       1, 2, 2, 3));
  EXPECT_THAT(frame.Get<int64_t>("w", "b|rev|a"), ElementsAre(8, 9, 10, -2));
  EXPECT_THAT(frame.Bools("nodes_mask", "b"), ElementsAre(1, 1, 1, 0, 0));
  EXPECT_THAT(frame.Bools("edges_mask", "a|to|b"), ElementsAre(1, 1, 1, 0, 0, 0));
  std::vector<std::string> names;
  for (const TensorSpec& tensor : frame.layout.tensors) {
    names.push_back(tensor.store + "." + tensor.name);
  }
  EXPECT_THAT(names, ElementsAre(".y", ".graphs_mask", "a.x", "a.batch", "a.ptr", "a.nodes_mask",
                                 "b.x", "b.batch", "b.ptr", "b.nodes_mask", "a|to|b.edge_index",
                                 "a|to|b.edges_mask", "b|rev|a.edge_index", "b|rev|a.w",
                                 "b|rev|a.edges_mask"));
}

TEST(GraphFillerTest, EveryElementOfARowIsShiftedByItsOwnType) {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"a", "b"};
  ColumnSchema pair = GraphColumn("pair", DType::kInt64, {3}, 2);
  pair.index_types = {0, 1, 1};
  ColumnSchema path = GraphColumn("path", DType::kInt32, {3});
  path.concat_last = true;
  path.index_types = {1, 0, 1};
  schema.columns = {pair, path};
  MemoryDataset data(schema, 1);
  data.AddGraph({1, 2}, {});
  data.Append<int64_t>("pair", {0, 0, 1, 0, 1, 1});
  data.Append<int32_t>("path", {1, 0, 0});
  data.AddGraph({2, 1}, {});
  data.Append<int64_t>("pair", {0, 0, 0, 1, 0, 0});
  data.Append<int32_t>("path", {0, 1, 0});
  data.Finish();
  BatchSpec request = Padded(6, 1, 3);
  request.options->num_edges.clear();
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("pair"),
              ElementsAre(0, 0, 1, 0, 1, 1, 1, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(frame.Get<int32_t>("path"), ElementsAre(1, 2, 0, 0, 2, 0, 0, 2, 0));
}

TEST(GraphFillerTest, AFullTypeIsRefusedIfItsEdgesNeedPadding) {
  MemoryDataset data = Typed();
  auto epoch = Epoch::Create(data, TypedRequest(3, 5, 3, 4, 4));
  ASSERT_TRUE(epoch.ok());
  const absl::Status status = epoch->Collate(0).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("fills all 3 nodes of type a (num_nodes), but its 1 padding edges of type "
                        "b|rev|a need a padding node"));
  // With all edges real the type may be full.
  epoch = Epoch::Create(data, TypedRequest(3, 5, 3, 3, 4));
  ASSERT_TRUE(epoch.ok());
  EXPECT_TRUE(epoch->Collate(0).ok());
}

}  // namespace
}  // namespace graphfeed
