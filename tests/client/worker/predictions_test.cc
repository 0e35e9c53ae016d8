#include "client/worker/predictions.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/slab.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Batches of 2 micro-batches with int64 tensors of their own.
class PredictionsTest : public testing::Test {
 protected:
  PredictionsTest() {
    std::string pattern = testing::TempDir() + "/predictions_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~PredictionsTest() override { std::filesystem::remove_all(folder_); }

  struct Tensor {
    TensorSpec spec;
    std::vector<int64_t> values;  // of both micro-batches
  };
  static Batch MakeBatch(const Counts& padded, FrameInfo info, const std::vector<Tensor>& tensors) {
    auto layout = std::make_shared<Layout>();
    for (const Tensor& tensor : tensors) layout->tensors.push_back(tensor.spec);
    layout->micro_batches = static_cast<int64_t>(info.real.size());
    layout->node_types = {"movie", "actor"};
    layout->node_types.resize(padded.nodes.size());
    layout->heterogeneous = padded.nodes.size() > 1;
    layout->padded = padded;
    auto placement = std::make_shared<const Placement>(*Place(*layout, padded, 1 << 20));
    layout->places = placement->places;
    layout->slab_bytes = placement->slab_bytes;
    Batch batch(layout, placement, std::move(info), SlabPool(0).Take(placement->slab_bytes));
    for (size_t i = 0; i < tensors.size(); ++i) {
      std::memcpy(batch.tensor(i).data, tensors[i].values.data(), 8 * tensors[i].values.size());
    }
    return batch;
  }
  static TensorSpec Spec(std::string store, std::string name, Axis axis) {
    return {.store = std::move(store),
            .name = std::move(name),
            .dtype = DType::kInt64,
            .axis = axis,
            .row_shape = {}};
  }
  // Rows of one int64 each.
  static std::vector<OutputTensor> Output(const std::vector<int64_t>& rows, int64_t per_batch) {
    OutputTensor output{.name = "out", .dtype = DType::kInt64, .shape = {per_batch}, .data = {}};
    const auto* bytes = reinterpret_cast<const std::byte*>(rows.data());
    output.data.assign(bytes, bytes + 8 * rows.size());
    return {output};
  }
  std::vector<int64_t> Read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_GE(bytes.size(), 64U) << name;
    const size_t header = 10 + static_cast<unsigned char>(bytes[8]);
    EXPECT_EQ(header % 64, 0U);
    std::vector<int64_t> values((bytes.size() - header) / 8);
    std::memcpy(values.data(), bytes.data() + header, 8 * values.size());
    return values;
  }

  const BatchSpec spec_;
  std::string folder_;
};

TEST_F(PredictionsTest, GraphsComeInTheOrderOfTheirIds) {
  Predictions predictions({}, /*collection=*/true, spec_);
  FrameInfo info;
  info.real = {{.graphs = 2, .nodes = {5}, .edges = {}}, {.graphs = 1, .nodes = {5}, .edges = {}}};
  info.graph_ids = {{7, 2}, {4}};
  const Batch batch = MakeBatch({.graphs = 3, .nodes = {8}, .edges = {}}, info, {});
  ASSERT_TRUE(predictions.Add(batch, Output({70, 20, -1, 40, -1, -1}, 3)).ok());
  info.graph_ids = {{0, 9}, {5}};
  ASSERT_TRUE(predictions
                  .Add(MakeBatch({.graphs = 3, .nodes = {8}, .edges = {}}, info, {}),
                       Output({0, 90, -1, 50, -1, -1}, 3))
                  .ok());
  info.repeat = true;  // says nothing new
  ASSERT_TRUE(predictions
                  .Add(MakeBatch({.graphs = 3, .nodes = {8}, .edges = {}}, info, {}),
                       Output({1, 1, 1, 1, 1, 1}, 3))
                  .ok());
  ASSERT_TRUE(predictions.Write(folder_, "").ok());
  EXPECT_THAT(Read("out.ids.npy"), ElementsAre(0, 2, 4, 5, 7, 9));
  EXPECT_THAT(Read("out.npy"), ElementsAre(0, 20, 40, 50, 70, 90));
}

TEST_F(PredictionsTest, NodesOfGraphsHaveTheirGraphsIds) {
  Predictions predictions({{.name = "out", .axis = "nodes"}}, /*collection=*/true, spec_);
  FrameInfo info;
  info.real = {{.graphs = 2, .nodes = {3}, .edges = {}}};
  info.graph_ids = {{8, 1}};
  const Batch batch = MakeBatch({.graphs = 3, .nodes = {5}, .edges = {}}, info,
                                {{Spec("", "batch", Axis::kNodes), {0, 0, 1, 2, 2}}});
  ASSERT_TRUE(predictions.Add(batch, Output({80, 81, 10, -1, -1}, 5)).ok());
  ASSERT_TRUE(predictions.Write(folder_, ".0-of-2").ok());
  EXPECT_THAT(Read("out.ids.0-of-2.npy"), ElementsAre(1, 8, 8));
  EXPECT_THAT(Read("out.0-of-2.npy"), ElementsAre(10, 80, 81));
}

TEST_F(PredictionsTest, OfSampledBatchesTheSeedsAreKept) {
  Predictions predictions({}, /*collection=*/false, spec_);
  FrameInfo info;
  info.real = {{.graphs = 1, .nodes = {4, 2}, .edges = {}, .seeds = 2}};
  const Batch batch = MakeBatch({.graphs = 2, .nodes = {6, 3}, .edges = {}, .seeds = 3}, info,
                                {{Spec("movie", "n_id", Axis::kNodes), {30, 10, 7, 8, 0, 0}},
                                 {Spec("movie", "input_id", Axis::kSeeds), {0, 1, -1}}});
  ASSERT_TRUE(predictions.Add(batch, Output({300, 100, 70, 80, -1, -1}, 6)).ok());
  ASSERT_TRUE(predictions.Write(folder_, "").ok());
  EXPECT_THAT(Read("out.ids.npy"), ElementsAre(10, 30));
  EXPECT_THAT(Read("out.npy"), ElementsAre(100, 300));
}

TEST_F(PredictionsTest, OfASingleGraphEveryNodeIsKept) {
  Predictions predictions({}, /*collection=*/false, spec_);
  FrameInfo info;
  info.real = {{.graphs = 1, .nodes = {3}, .edges = {}}};
  const Batch batch = MakeBatch({.graphs = 2, .nodes = {4}, .edges = {}}, info, {});
  ASSERT_TRUE(predictions.Add(batch, Output({5, 6, 7, -1}, 4)).ok());
  ASSERT_TRUE(predictions.Write(folder_, "").ok());
  EXPECT_THAT(Read("out.ids.npy"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Read("out.npy"), ElementsAre(5, 6, 7));
}

TEST_F(PredictionsTest, RowsThatCannotBeToldApartAreRefused) {
  FrameInfo info;
  info.real = {{.graphs = 1, .nodes = {2}, .edges = {}}};
  info.graph_ids = {{3}};
  const Batch both = MakeBatch({.graphs = 4, .nodes = {4}, .edges = {}}, info,
                               {{Spec("", "batch", Axis::kNodes), {0, 0, 1, 1}}});
  const auto add = [&](const std::string& axis, const Batch& batch, int64_t rows) {
    Predictions predictions({{.name = "out", .axis = axis}}, /*collection=*/true, spec_);
    return predictions.Add(batch, Output(std::vector<int64_t>(static_cast<size_t>(rows)), rows));
  };
  EXPECT_THAT(std::string(add("", both, 4).message()),
              HasSubstr("output out of shape [4] can be of graphs and of nodes"));
  EXPECT_TRUE(add("graphs", both, 4).ok());
  EXPECT_TRUE(add("nodes", both, 4).ok());
  EXPECT_THAT(std::string(add("", both, 5).message()),
              HasSubstr("has no row for each graph or node"));
  info.graph_ids.clear();
  EXPECT_THAT(std::string(add("graphs", MakeBatch(both.layout().padded, info, {}), 4).message()),
              HasSubstr("needs batches with graph ids"));
}

}  // namespace
}  // namespace graphfeed
