#ifndef GRAPHFEED_TESTS_INTEGRATION_SPEC_ZOO_H_
#define GRAPHFEED_TESTS_INTEGRATION_SPEC_ZOO_H_

// Generated datasets of every kind, and specs of every strategy over them, drawn from a seed.

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/test_graphs.h"

namespace graphfeed {

inline constexpr int64_t kZooNodes = 240;

// Columns for everything that sampling reads: partition, time, weights.
inline SingleGraph ZooHomogeneous() {
  std::mt19937_64 rng(21);
  SingleGraph graph = HomogeneousGraph("g", kZooNodes, RandomEnds(rng, 900, kZooNodes, kZooNodes));
  std::vector<float> x(2 * kZooNodes);
  std::vector<int64_t> partition;
  std::vector<int64_t> time;
  std::vector<float> weight(900);
  for (float& value : x) value = static_cast<float>(rng() % 1000) / 8;
  for (int64_t i = 0; i < kZooNodes; ++i) {
    partition.push_back((i * 7) % 24);
    time.push_back(static_cast<int64_t>(rng() % 50));
  }
  for (float& value : weight) value = static_cast<float>(rng() % 5);
  graph.columns = {NodeRows("x", 0, DType::kFloat32, {2}, Bytes(x)),
                   NodeRows("partition", 0, DType::kInt64, {}, Bytes(partition)),
                   NodeRows("time", 0, DType::kInt64, {}, Bytes(time)),
                   NodeRows("w", 0, DType::kFloat32, {}, Bytes(weight))};
  graph.columns.back().level = Level::kEdge;
  return graph;
}

// "molecules", "g" and "h"; the same on every server.
inline void IngestZoo(Client& client) {
  const auto molecules = IngestMolecules(client, "molecules", 120);
  ASSERT_TRUE(molecules.ok()) << molecules.status();
  for (const SingleGraph& graph : {ZooHomogeneous(), RandomHeteroGraph(4, 400)}) {
    auto stream = client.Ingest(graph.spec);
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (GraphBlock& block : graph.Blocks()) {
      const absl::Status status = (*stream)->Append(std::move(block));
      ASSERT_TRUE(status.ok()) << status;
    }
    const auto info = (*stream)->Commit();
    ASSERT_TRUE(info.ok()) << info.status();
  }
}

class SpecDraw {
 public:
  explicit SpecDraw(uint64_t seed) : rng_(seed) {}

  // A stream of one epoch. Padded sampled batches without options: their sizes are the server's to
  // estimate.
  StreamOptions Next() {
    StreamOptions options;
    options.seed = rng_();
    options.start_epoch = Below(5);
    BatchSpec& spec = options.spec;
    spec.shuffle = Coin();
    spec.drop_last = Coin();
    switch (Below(5)) {
      case 0:
        DrawGraphs(options);
        break;
      case 1:
        DrawGraphs(options);
        if (spec.strategy != Strategy::kPlain) spec.micro_batches = 1 + Below(3);
        spec.incomplete_step = Coin() ? IncompleteStep::kFill : IncompleteStep::kDrop;
        break;
      case 2:
        DrawNeighbors(options);
        break;
      case 3:
        DrawLinks(options);
        break;
      default:
        DrawClusters(options);
    }
    if (Coin()) spec.index_dtype = DType::kInt32;
    return options;
  }

 private:
  int64_t Below(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  bool Coin() { return Below(2) == 0; }

  void DrawGraphs(StreamOptions& options) {
    options.dataset = "molecules";
    BatchSpec& spec = options.spec;
    switch (Below(4)) {
      case 0:
        spec.selection.kind = Selection::Kind::kRange;
        spec.selection.start = 5;
        spec.selection.stop = 90;
        break;
      case 1:
        spec.selection.kind = Selection::Kind::kIds;
        for (int64_t i = 0; i < 70; ++i) spec.selection.ids.push_back(Below(120));
        break;
      default:
        break;
    }
    const int64_t graphs = 2 + Below(8);
    spec.strategy = Coin() ? Strategy::kPadToMax : Strategy::kStreamPack;
    // Too small for the largest batches, so that trimming has something to do.
    const bool trim = spec.strategy == Strategy::kPadToMax && Coin();
    const int64_t room = trim ? 8 : 14;
    spec.options = FixedSizeOptions{.num_nodes = {{"", graphs * room}},
                                    .num_edges = {{"", graphs * room * 2}},
                                    .num_graphs = graphs,
                                    .node_pad_value = static_cast<double>(Below(3)),
                                    .pad_graph_defaults = {}};
    if (trim) spec.over_size = OverSize::kTrimNodesAndEdges;
    if (Coin()) spec.exclude_keys = {"edge_attr"};
    if (Coin()) spec.float16_columns = {"x"};
    if (Below(5) == 0) {
      spec.strategy = Strategy::kPlain;
      spec.over_size = OverSize::kError;
      spec.options.reset();
      spec.batch_size = 1 + Below(20);
    }
  }

  void DrawFanOut(BatchSpec& spec) {
    spec.strategy = Strategy::kNeighbor;
    spec.batch_size = 3 + Below(20);
    SamplingSpec& sampling = spec.sampling.emplace();
    sampling.num_neighbors[""] = {1 + Below(4), 1 + Below(3)};
    sampling.replace = Coin();
    spec.ragged = Coin();
    if (!spec.ragged) spec.over_size = OverSize::kTrimNodesAndEdges;
  }

  void DrawNeighbors(StreamOptions& options) {
    BatchSpec& spec = options.spec;
    DrawFanOut(spec);
    SamplingSpec& sampling = *spec.sampling;
    if (Coin()) {
      options.dataset = "h";
      sampling.input_type = Coin() ? "paper" : "author";
      return;
    }
    options.dataset = "g";
    switch (Below(4)) {
      case 0:
        sampling.subgraph_type = SubgraphType::kInduced;
        sampling.replace = false;
        break;
      case 1:
        sampling.time_attr = "time";
        sampling.replace = false;
        sampling.disjoint = true;
        break;
      case 2:
        sampling.weight_attr = "w";
        break;
      default:
        sampling.disjoint = Coin();
    }
  }

  void DrawLinks(StreamOptions& options) {
    options.dataset = "g";
    DrawFanOut(options.spec);
    LinkSeeds& links = options.spec.sampling->links.emplace();
    switch (Below(3)) {
      case 0:
        links.negative_mode = NegativeMode::kBinary;
        break;
      case 1:
        links.negative_mode = NegativeMode::kTriplet;
        links.negative_amount = 2;
        break;
      default:
        links.exclude_seed_edges = true;
    }
  }

  void DrawClusters(StreamOptions& options) {
    options.dataset = "g";
    options.spec.strategy = Strategy::kCluster;
    options.spec.batch_size = 1 + Below(5);
    options.spec.sampling.emplace().partition = "partition";
    options.spec.ragged = Coin();
    if (!options.spec.ragged) options.spec.over_size = OverSize::kTrimNodesAndEdges;
  }

  std::mt19937_64 rng_;
};

// The server's sizes for padded sampled batches, small enough to be exceeded now and then.
inline absl::Status FillSizes(Client& client, StreamOptions& options) {
  BatchSpec& spec = options.spec;
  if (!spec.sampling.has_value() || spec.ragged || spec.options.has_value()) {
    return absl::OkStatus();
  }
  const auto report = client.EstimateSizes({.dataset = options.dataset,
                                            .spec = spec,
                                            .seed = 1,
                                            .epoch = 0,
                                            .quantile = 0.8,
                                            .sample_limit = 8});
  if (!report.ok()) return report.status();
  spec.options = report->options;
  return absl::OkStatus();
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_INTEGRATION_SPEC_ZOO_H_
