#ifndef GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLED_EPOCH_H_
#define GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLED_EPOCH_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/batching/collater.h"
#include "server/sampling/sampled_filler.h"
#include "server/sampling/seed_sampler.h"
#include "server/sampling/seed_set.h"
#include "storage/base/status_macros.h"
#include "tests/server/batching/collate_helper.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {

inline ColumnSchema ColumnOf(Level level, int type, const std::string& name, DType dtype) {
  ColumnSchema column;
  column.name = name;
  column.level = level;
  column.type = type;
  column.dtype = dtype;
  return column;
}

// A graph whose nodes and edges carry their ids: column "id" of every node type (int64), "w" of
// every edge type (int64), "edge_index", and "mask" of every node type, true for odd ids.
inline TestGraph WithColumns(TestGraph graph) {
  for (size_t t = 0; t < graph.num_nodes.size(); ++t) {
    graph.AddColumn(ColumnOf(Level::kNode, static_cast<int>(t), "id", DType::kInt64));
    graph.AddColumn(ColumnOf(Level::kNode, static_cast<int>(t), "mask", DType::kBool));
  }
  for (size_t r = 0; r < graph.edges.size(); ++r) {
    const EdgeType& type = graph.schema.edge_types[r];
    ColumnSchema index = ColumnOf(Level::kEdge, static_cast<int>(r), "edge_index", DType::kInt64);
    index.row_shape = {2};
    index.concat_last = true;
    index.index_types = {type.source, type.target};
    graph.AddColumn(index);
    graph.AddColumn(ColumnOf(Level::kEdge, static_cast<int>(r), "w", DType::kInt64));
  }
  for (size_t t = 0; t < graph.num_nodes.size(); ++t) {
    const std::string store = graph.schema.StoreName(Level::kNode, static_cast<int>(t));
    for (int64_t i = 0; i < graph.num_nodes[t]; ++i) {
      graph.features->Append<int64_t>("id", {i}, store);
      graph.features->Append<uint8_t>("mask", {static_cast<uint8_t>(i % 2)}, store);
    }
  }
  for (size_t r = 0; r < graph.edges.size(); ++r) {
    const std::string store = graph.schema.StoreName(Level::kEdge, static_cast<int>(r));
    for (size_t i = 0; i < graph.edges[r].size(); ++i) {
      const auto [source, target] = graph.edges[r][i];
      graph.features->Append<int64_t>("edge_index", {source, target}, store);
      graph.features->Append<int64_t>("w", {static_cast<int64_t>(i)}, store);
    }
  }
  graph.Finish();
  return graph;
}

// One epoch of a sampled request, as a server makes it.
class SampledEpoch {
 public:
  static absl::StatusOr<std::unique_ptr<SampledEpoch>> Create(TestGraph& graph,
                                                              const BatchSpec& request,
                                                              uint64_t seed = 1,
                                                              int64_t epoch = 0) {
    std::unique_ptr<SampledEpoch> result(new SampledEpoch(graph, seed));
    const DatasetInfo& info = graph.features->info();
    GF_ASSIGN_OR_RETURN(const ResolvedSampling sampling, ResolveSampling(request, info));
    GF_ASSIGN_OR_RETURN(result->seeds_, SeedSet::Read(graph.view(), sampling));
    result->items_.num_graphs = result->seeds_.size();
    GF_ASSIGN_OR_RETURN(result->spec_, ResolveSpec(request, info, result->items_));
    GF_ASSIGN_OR_RETURN(result->plan_,
                        EpochPlan::Create(result->spec_, result->items_, seed, epoch));
    GF_ASSIGN_OR_RETURN(auto sampler,
                        SeedSampler::Create(graph.view(), result->spec_, result->seeds_));
    GF_ASSIGN_OR_RETURN(result->collater_,
                        Collater::Create(info.schema, result->spec_, kTestLimit,
                                         std::make_unique<SampledFiller>(info.schema, result->spec_,
                                                                         std::move(sampler))));
    return result;
  }

  const ResolvedSpec& spec() const { return spec_; }
  const EpochPlan& plan() const { return *plan_; }
  const SeedSet& seeds() const { return seeds_; }

  absl::StatusOr<TestFrame> Collate(int64_t ordinal, bool null_frame = false,
                                    uint8_t rubbish = 0xcd) const {
    return CollateFrame(*collater_, *plan_, seed_, *graph_.features, ordinal, null_frame, rubbish);
  }

 private:
  SampledEpoch(TestGraph& graph, uint64_t seed) : graph_(graph), seed_(seed) {}

  TestGraph& graph_;
  const uint64_t seed_;
  SeedSet seeds_;
  GraphOffsets items_;
  ResolvedSpec spec_;
  std::unique_ptr<EpochPlan> plan_;
  std::unique_ptr<Collater> collater_;  // refers to all of the above
};

// An epoch that must be made, a frame of it.
inline std::unique_ptr<SampledEpoch> MustCreate(TestGraph& graph, const BatchSpec& request,
                                                uint64_t seed = 1) {
  auto epoch = SampledEpoch::Create(graph, request, seed);
  EXPECT_TRUE(epoch.ok()) << epoch.status();
  return epoch.ok() ? *std::move(epoch) : nullptr;
}

inline TestFrame MustCollate(const SampledEpoch& epoch, int64_t ordinal, bool null_frame = false,
                             uint8_t rubbish = 0xcd) {
  auto frame = epoch.Collate(ordinal, null_frame, rubbish);
  EXPECT_TRUE(frame.ok()) << frame.status();
  return frame.ok() ? *std::move(frame) : TestFrame();
}

// Rows and edges of a frame are those of the graph that n_id and e_id name.
inline void ExpectTrueToGraph(const TestGraph& graph, const TestFrame& frame) {
  const Schema& schema = graph.features->schema();
  const Counts& real = frame.info.real[0];
  for (size_t t = 0; t < schema.node_types.size(); ++t) {
    const std::string store = schema.StoreName(Level::kNode, static_cast<int>(t));
    const auto n_id = frame.Get<int64_t>("n_id", store);
    const auto id = frame.Get<int64_t>("id", store);
    for (int64_t i = 0; i < real.nodes[t]; ++i) EXPECT_EQ(id[i], n_id[i]) << store;
  }
  for (size_t r = 0; r < schema.edge_types.size(); ++r) {
    const EdgeType& type = schema.edge_types[r];
    const std::string store = schema.StoreName(Level::kEdge, static_cast<int>(r));
    const auto sources = frame.Get<int64_t>("n_id", schema.StoreName(Level::kNode, type.source));
    const auto targets = frame.Get<int64_t>("n_id", schema.StoreName(Level::kNode, type.target));
    const auto e_id = frame.Get<int64_t>("e_id", store);
    const auto w = frame.Get<int64_t>("w", store);
    const auto index = frame.Get<int64_t>("edge_index", store);
    const int64_t row = frame.Shape("edge_index", store)[1];
    for (int64_t i = 0; i < real.edges[r]; ++i) {
      EXPECT_EQ(w[i], e_id[i]);
      const auto [source, target] = graph.edges[r][e_id[i]];
      ASSERT_LT(index[i], real.nodes[type.source]);
      ASSERT_LT(index[row + i], real.nodes[type.target]);
      EXPECT_EQ(sources[index[i]], source);
      EXPECT_EQ(targets[index[row + i]], target);
    }
    // Padding edges join padding nodes.
    for (int64_t i = real.edges[r]; i < row; ++i) {
      EXPECT_GE(index[i], real.nodes[type.source]);
      EXPECT_GE(index[row + i], real.nodes[type.target]);
      EXPECT_LT(index[i], static_cast<int64_t>(sources.size()));
      EXPECT_LT(index[row + i], static_cast<int64_t>(targets.size()));
    }
  }
}

// Seeds of a node type, the same fan-outs for every edge type, no padding.
inline BatchSpec Neighbors(const std::string& input_type, std::vector<int64_t> fan_outs,
                           int64_t batch_size) {
  BatchSpec request;
  request.strategy = Strategy::kNeighbor;
  request.ragged = true;
  request.batch_size = batch_size;
  request.sampling.emplace();
  request.sampling->input_type = input_type;
  request.sampling->num_neighbors[""] = std::move(fan_outs);
  return request;
}

// The same with the same sizes for every type.
inline BatchSpec Fixed(BatchSpec request, int64_t num_nodes, int64_t num_edges,
                       OverSize over_size = OverSize::kError) {
  request.ragged = false;
  request.over_size = over_size;
  request.options.emplace();
  request.options->num_nodes[""] = num_nodes;
  request.options->num_edges[""] = num_edges;
  return request;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLED_EPOCH_H_
