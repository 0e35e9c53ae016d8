#include "proto/frame/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>
#include <string>

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kLimit = int64_t{1} << 40;

TensorSpec Tensor(std::string name, DType dtype, Axis axis, std::vector<int64_t> row_shape = {}) {
  TensorSpec tensor;
  tensor.name = std::move(name);
  tensor.dtype = dtype;
  tensor.axis = axis;
  tensor.row_shape = std::move(row_shape);
  return tensor;
}

Layout Small() {
  Layout layout;
  layout.node_types = {"node"};
  layout.edge_types = {"node|to|node"};
  TensorSpec edge_index = Tensor("edge_index", DType::kInt64, Axis::kEdges, {2});
  edge_index.concat_last = true;
  TensorSpec y = Tensor("y", DType::kInt16, Axis::kGraphs);
  y.axis_scale = 3;
  layout.tensors = {Tensor("x", DType::kFloat32, Axis::kNodes, {3}), edge_index, y,
                    Tensor("ptr", DType::kInt64, Axis::kPtr),
                    Tensor("nodes_mask", DType::kBool, Axis::kNodes)};
  return layout;
}

TEST(PlaceTest, TensorsFollowEachOtherAtMultiplesOf64) {
  const auto placement = Place(Small(), {2, {5}, {7}}, kLimit);
  ASSERT_TRUE(placement.ok()) << placement.status();
  const std::vector<TensorPlace>& places = placement->places;
  EXPECT_THAT(places[0].shape, ElementsAre(5, 3));
  EXPECT_THAT(places[1].shape, ElementsAre(2, 7));
  EXPECT_THAT(places[2].shape, ElementsAre(6));
  EXPECT_THAT(places[3].shape, ElementsAre(3));
  EXPECT_THAT(places[4].shape, ElementsAre(5));
  const int64_t offsets[] = {0, 64, 192, 256, 320};
  const int64_t sizes[] = {60, 112, 12, 24, 5};
  for (size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(places[i].offset, offsets[i]);
    EXPECT_EQ(places[i].size_bytes, sizes[i]);
  }
  EXPECT_EQ(placement->slab_bytes, 384);
}

TEST(PlaceTest, MicroBatchesLengthenTheFirstDimension) {
  Layout layout = Small();
  layout.micro_batches = 3;
  const auto placement = Place(layout, {2, {5}, {7}}, kLimit);
  ASSERT_TRUE(placement.ok());
  EXPECT_THAT(placement->places[0].shape, ElementsAre(15, 3));
  EXPECT_THAT(placement->places[1].shape, ElementsAre(6, 7));
  EXPECT_THAT(placement->places[3].shape, ElementsAre(9));
}

TEST(PlaceTest, EmptyTensorsTakeNoBytes) {
  const auto placement = Place(Small(), {0, {0}, {0}}, kLimit);
  ASSERT_TRUE(placement.ok());
  EXPECT_THAT(placement->places[1].shape, ElementsAre(2, 0));
  EXPECT_EQ(placement->places[3].size_bytes, 8);
  EXPECT_EQ(placement->slab_bytes, 64);
}

TEST(PlaceTest, RefusesWhatExceedsTheLimitNamingTheTensor) {
  const auto refused = Place(Small(), {2, {1000}, {7}}, 10000);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.status().message(),
            "tensor x takes 12000 bytes; max_frame_bytes, the limit for a batch, is 10000");
  // Each tensor is small enough, but not all together.
  const auto together = Place(Small(), {2, {50}, {40}}, 900);
  EXPECT_EQ(together.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(together.status().message()), HasSubstr("more than 900 bytes"));
  EXPECT_TRUE(Place(Small(), {2, {5}, {7}}, 384).ok());
  EXPECT_EQ(Place(Small(), {2, {5}, {7}}, 383).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(PlaceTest, AbsurdSizesDoNotOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (const int64_t limit : {kLimit, kMax}) {
    EXPECT_EQ(Place(Small(), {2, {kMax}, {7}}, limit).status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(Place(Small(), {kMax, {1}, {7}}, limit).status().code(),
              absl::StatusCode::kResourceExhausted);
    // 2^62 times 4 bytes is 0 in 64 bits.
    EXPECT_EQ(Place(Small(), {2, {int64_t{1} << 62}, {7}}, limit).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  // No bytes at all, but no sane dimension either.
  Layout layout = Small();
  layout.tensors[0].row_shape = {0};
  EXPECT_EQ(Place(layout, {2, {kMax}, {7}}, kLimit).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(PlaceTest, RefusesCountsOfOtherTypes) {
  EXPECT_EQ(Place(Small(), {2, {5, 6}, {7}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Place(Small(), {2, {5}, {}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Place(Small(), {2, {-5}, {7}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
  Layout layout = Small();
  layout.tensors[0].type = 1;
  EXPECT_EQ(Place(layout, {2, {5}, {7}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
  layout.tensors[0].type = -1;
  EXPECT_EQ(Place(layout, {2, {5}, {7}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
  layout = Small();
  layout.tensors[0].row_shape = {-1};
  EXPECT_EQ(Place(layout, {2, {5}, {7}}, kLimit).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LayoutTest, FindsTensorsByStoreAndName) {
  Layout layout = Small();
  layout.tensors[4].store = "node";
  EXPECT_EQ(layout.Find("", "x"), 0);
  EXPECT_EQ(layout.Find("node", "nodes_mask"), 4);
  EXPECT_EQ(layout.Find("", "nodes_mask"), -1);
}

TEST(LayoutDigestTest, EveryPartCounts) {
  const std::function<void(Layout&)> changes[] = {
      [](auto&) {},
      [](auto& l) { l.ragged = true; },
      [](auto& l) { l.heterogeneous = true; },
      [](auto& l) { l.micro_batches = 2; },
      [](auto& l) { l.node_types = {"n"}; },
      [](auto& l) { l.edge_types = {"n|to|n"}; },
      [](auto& l) { l.padded.graphs = 3; },
      [](auto& l) { l.padded.nodes = {3}; },
      [](auto& l) { l.padded.edges = {3}; },
      [](auto& l) { l.padded.seeds = 3; },
      [](auto& l) { l.padded.labels = 3; },
      [](auto& l) { l.tensors.pop_back(); },
      [](auto& l) { std::swap(l.tensors[3], l.tensors[4]); },
      [](auto& l) { l.tensors[0].store = "s"; },
      [](auto& l) { l.tensors[0].name = "z"; },
      [](auto& l) { l.tensors[0].dtype = DType::kFloat16; },
      [](auto& l) { l.tensors[0].axis = Axis::kEdges; },
      [](auto& l) { l.tensors[0].type = 1; },
      [](auto& l) { l.tensors[0].axis_scale = 2; },
      [](auto& l) { l.tensors[0].concat_last = true; },
      [](auto& l) {
        l.tensors[0].row_shape = {3, 1};
      },
      [](auto& l) {
        l.places = {{{5, 3}, 0, 60}};
      },
      [](auto& l) {
        l.places = {{{5, 3}, 64, 60}};
      },
      [](auto& l) {
        l.places = {{{5, 3}, 0, 64}};
      },
      [](auto& l) { l.slab_bytes = 64; },
  };
  std::set<uint64_t> digests;
  for (const auto& change : changes) {
    Layout layout = Small();
    change(layout);
    digests.insert(LayoutDigest(layout));
  }
  EXPECT_EQ(digests.size(), std::size(changes));
}

// Recorded: a change of the encoding makes every cached program look stale.
TEST(LayoutDigestTest, DigestIsTheRecordedOne) {
  EXPECT_EQ(LayoutDigest(Small()), 17173828235288501987u);
}

}  // namespace
}  // namespace graphfeed
