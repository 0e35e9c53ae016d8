#include "client/worker/binding.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/worker/stager.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/slab.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

// Two micro-batches of x float32 [4, 2], edge_index int64 [2, 3], y int64 [2].
Layout TwoBatches() {
  Layout layout;
  layout.tensors = {
      {.store = "", .name = "x", .dtype = DType::kFloat32, .axis = Axis::kNodes, .row_shape = {2}},
      {.store = "",
       .name = "edge_index",
       .dtype = DType::kInt64,
       .axis = Axis::kEdges,
       .concat_last = true,
       .row_shape = {2}},
      {.store = "", .name = "y", .dtype = DType::kInt64, .axis = Axis::kGraphs, .row_shape = {}}};
  layout.micro_batches = 2;
  layout.node_types = {""};
  layout.edge_types = {""};
  layout.padded = {.graphs = 2, .nodes = {4}, .edges = {3}};
  const auto placement = Place(layout, layout.padded, 1 << 20);
  layout.places = placement->places;
  layout.slab_bytes = placement->slab_bytes;
  return layout;
}

ModelTensor Input(std::string name, DType dtype, std::vector<int64_t> shape) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape)};
}

ModelDescription Model() {
  ModelDescription model;
  model.inputs = {Input("x", DType::kFloat32, {4, 2}), Input("edge_index", DType::kInt32, {2, -1}),
                  Input("y", DType::kInt64, {2})};
  return model;
}

TEST(BindingTest, NamesOfHeterogeneousStoresAreJoined) {
  EXPECT_EQ(FieldName({.store = "", .name = "x", .row_shape = {}}), "x");
  EXPECT_EQ(FieldName({.store = "movie", .name = "x", .row_shape = {}}), "movie__x");
  EXPECT_EQ(FieldName({.store = "movie|to|actor", .name = "edge_index", .row_shape = {}}),
            "movie__to__actor__edge_index");
  EXPECT_EQ(FieldName({.store = "a-b|has part|c", .name = "e", .row_shape = {}}),
            "a_b__has_part__c__e");
}

TEST(BindingTest, InputsAreTensorsOfTheirNames) {
  const auto binding = Bind(Model(), TwoBatches(), {});
  ASSERT_TRUE(binding.ok()) << binding.status();
  EXPECT_EQ(binding->inputs[1].tensor, 1);
  EXPECT_EQ(binding->inputs[1].dtype, DType::kInt32);
  EXPECT_EQ(binding->inputs[0].dtype, std::nullopt);
}

TEST(BindingTest, AMismatchShowsAllInputsSideBySide) {
  ModelDescription model = Model();
  model.inputs[0].shape = {{4, 3}};
  model.inputs[1].dtype = DType::kFloat32;
  model.inputs[2].dtype = DType::kBool;
  model.inputs.push_back({.name = "edge_attr"});
  const auto binding = Bind(model, TwoBatches(), {});
  EXPECT_EQ(binding.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(binding.status().message()),
            "the batches are not what the model takes:\n"
            "  input       model             batch\n"
            "  x           float32 [4, 3]    float32 [4, 2]  <- another shape\n"
            "  edge_index  float32 [2, any]  int64 [2, 3]\n"
            "  y           bool [2]          int64 [2]       <- int64 is not made bool\n"
            "  edge_attr   any dtype         -               <- the batches have no edge_attr");
}

TEST(BindingTest, WhatTheModelDoesNotTakeIsNamed) {
  ModelDescription model = Model();
  model.inputs.pop_back();
  model.inputs[0].name = "features";
  EXPECT_THAT(std::string(Bind(model, TwoBatches(), {}).status().message()),
              HasSubstr("The batches also have x, y."));
  EXPECT_TRUE(Bind(model, TwoBatches(), {{"features", "x"}}).ok());
  EXPECT_THAT(std::string(Bind(model, TwoBatches(), {{"featured", "x"}}).status().message()),
              HasSubstr("\"featured\", which the model does not take"));
}

TEST(BindingTest, OptionalInputsMayBeMissingUnlessTheyAreBound) {
  ModelDescription model = Model();
  model.inputs.push_back({.name = "w", .optional = true});
  EXPECT_TRUE(Bind(model, TwoBatches(), {}).ok());
  EXPECT_FALSE(Bind(model, TwoBatches(), {{"w", "weights"}}).ok());
}

// A batch of TwoBatches whose elements count from 0 in each tensor.
Batch Counting(int64_t first_edge) {
  auto layout = std::make_shared<const Layout>(TwoBatches());
  auto placement = std::make_shared<const Placement>(Placement{layout->places, layout->slab_bytes});
  Slab slab = SlabPool(0).Take(layout->slab_bytes);
  Batch batch(layout, placement, {}, std::move(slab));
  auto* x = reinterpret_cast<float*>(batch.tensor(0).data);
  for (int i = 0; i < 16; ++i) x[i] = static_cast<float>(i);
  auto* edges = reinterpret_cast<int64_t*>(batch.tensor(1).data);
  for (int i = 0; i < 12; ++i) edges[i] = first_edge + i;
  return batch;
}

TEST(StagerTest, TensorsStayWhereTheyAreOrAreConverted) {
  const ModelDescription model = Model();
  const Stager stager(model, *Bind(model, TwoBatches(), {}));
  const Batch batch = Counting(0);
  const auto step = stager.Stage(batch);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->num_batches, 2);
  EXPECT_EQ(step->tensors[0].data, batch.tensor(0).data);
  EXPECT_EQ(step->tensors[0].shape, std::vector<int64_t>({4, 2}));
  EXPECT_EQ(step->tensors[0].size_bytes, 32U);
  // [4, 3] of both micro-batches, as int32.
  EXPECT_EQ(step->tensors[1].dtype, DType::kInt32);
  EXPECT_EQ(step->tensors[1].shape, std::vector<int64_t>({2, 3}));
  EXPECT_EQ(step->tensors[1].size_bytes, 24U);
  const auto* edges = reinterpret_cast<const int32_t*>(step->tensors[1].data);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(edges[i], i);
}

TEST(StagerTest, AnIndexThatDoesNotFitIsNamed) {
  const ModelDescription model = Model();
  const Stager stager(model, *Bind(model, TwoBatches(), {}));
  const auto step = stager.Stage(Counting(int64_t{1} << 31));
  EXPECT_EQ(step.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(step.status().message()),
              HasSubstr("input edge_index, int32: element 0 is 2147483648"));
}

}  // namespace
}  // namespace graphfeed
