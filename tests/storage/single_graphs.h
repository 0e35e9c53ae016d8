#ifndef GRAPHFEED_TESTS_STORAGE_SINGLE_GRAPHS_H_
#define GRAPHFEED_TESTS_STORAGE_SINGLE_GRAPHS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "storage/catalog.h"
#include "storage/graph/graph_store.h"
#include "tests/storage/graph_blocks.h"

namespace graphfeed {

struct End {
  int64_t source;
  int64_t target;
};

// In-neighbour lists as a textbook makes them.
struct InLists {
  InLists(const std::vector<End>& ends, int64_t num_targets) : ptr(num_targets + 1) {
    ids.resize(ends.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::stable_sort(ids.begin(), ids.end(),
                     [&](int64_t a, int64_t b) { return ends[a].target < ends[b].target; });
    for (const int64_t id : ids) sources.push_back(ends[id].source);
    for (const End& end : ends) ++ptr[end.target + 1];
    std::partial_sum(ptr.begin(), ptr.end(), ptr.begin());
  }
  std::vector<int64_t> ptr;
  std::vector<int64_t> sources;
  std::vector<int64_t> ids;
};

// A single graph as ends of edges, to be ingested and to compare with.
struct SingleGraph {
  IngestSpec spec;
  std::vector<std::vector<End>> ends;  // by edge type
  std::vector<ColumnBlock> columns;    // beside edge_index

  InLists Lists(int edge_type) const {
    const int target = spec.heterogeneous ? spec.edge_types[edge_type].target : 0;
    return InLists(ends[edge_type], spec.num_nodes[target]);
  }

  // The blocks of an ingest: edges in blocks of `edges_per_block`, types interleaved.
  std::vector<GraphBlock> Blocks(int64_t edges_per_block = 100) const {
    std::vector<GraphBlock> blocks;
    for (const ColumnBlock& column : columns) blocks.emplace_back().columns = {column};
    for (size_t first = 0;; first += edges_per_block) {
      GraphBlock block;
      for (size_t e = 0; e < ends.size(); ++e) {
        if (first >= ends[e].size()) continue;
        std::vector<int64_t> rows;
        for (size_t i = first; i < std::min(first + edges_per_block, ends[e].size()); ++i) {
          rows.push_back(ends[e][i].source);
          rows.push_back(ends[e][i].target);
        }
        ColumnBlock column = EdgeIndex({}, rows);
        column.type = static_cast<int>(e);
        if (spec.heterogeneous) column.level = Level::kEdge;
        block.columns.push_back(std::move(column));
      }
      if (block.columns.empty()) return blocks;
      blocks.push_back(std::move(block));
    }
  }
};

inline ColumnBlock NodeRows(std::string name, int type, DType dtype, std::vector<int64_t> shape,
                            std::string rows) {
  ColumnBlock column = Column(std::move(name), dtype, std::move(shape), {}, std::move(rows));
  column.level = Level::kNode;
  column.type = type;
  return column;
}

inline std::vector<End> RandomEnds(std::mt19937_64& rng, int64_t count, int64_t num_sources,
                                   int64_t num_targets) {
  std::vector<End> ends;
  const int64_t hub = static_cast<int64_t>(rng() % static_cast<uint64_t>(num_targets));
  for (int64_t i = 0; i < count; ++i) {
    const auto source = static_cast<int64_t>(rng() % static_cast<uint64_t>(num_sources));
    const auto target = static_cast<int64_t>(rng() % static_cast<uint64_t>(num_targets));
    ends.push_back({source, rng() % 3 == 0 ? hub : target});
  }
  return ends;
}

// Four node types, of which `bare` has no columns and `nobody` no nodes; edges within a type and
// across, repeated edges, self-loops, a hub; edge types without edges, one of them with an
// edge_index nevertheless.
inline SingleGraph RandomHeteroGraph(uint64_t seed, int64_t num_edges) {
  std::mt19937_64 rng(seed);
  SingleGraph graph;
  graph.spec = {.name = "h", .collection = false, .heterogeneous = true};
  graph.spec.node_types = {"paper", "author", "bare", "nobody"};
  graph.spec.num_nodes = {211, 97, 30, 0};
  graph.spec.edge_types = {{1, "writes", 0}, {0, "cites", 0}, {0, "has", 2},
                           {2, "in", 0},     {3, "none", 0},  {1, "to", 3}};
  const std::vector<int64_t>& n = graph.spec.num_nodes;
  graph.ends = {RandomEnds(rng, num_edges, n[1], n[0]),
                RandomEnds(rng, 2 * num_edges, n[0], n[0]),
                RandomEnds(rng, num_edges / 2, n[0], n[2]),
                {},
                {},
                {}};
  for (int64_t i = 0; i < std::min<int64_t>(num_edges, 20); ++i) {
    graph.ends[1][i] = i % 2 == 0 ? End{7, 7} : End{3, 8};
  }
  for (const auto& ends : graph.ends) {
    graph.spec.num_edges.push_back(static_cast<int64_t>(ends.size()));
  }
  for (const int type : {0, 1}) {
    std::vector<float> x(static_cast<size_t>(3 * n[type]));
    for (float& value : x) value = static_cast<float>(rng() % 1000);
    graph.columns.push_back(NodeRows("x", type, DType::kFloat32, {3}, Bytes(x)));
  }
  ColumnBlock empty = EdgeIndex({}, {});
  empty.type = 3;
  empty.level = Level::kEdge;
  graph.columns.push_back(std::move(empty));
  return graph;
}

// A homogeneous graph.
inline SingleGraph HomogeneousGraph(std::string name, int64_t num_nodes, std::vector<End> ends) {
  SingleGraph graph;
  graph.spec = {.name = std::move(name), .collection = false};
  graph.spec.num_nodes = {num_nodes};
  graph.spec.num_edges = {static_cast<int64_t>(ends.size())};
  graph.ends = {std::move(ends)};
  return graph;
}

// Whether the store answers as the graph is, asked in random order and repeatedly.
inline void ExpectAnswers(GraphStore& store, const SingleGraph& graph, uint64_t seed) {
  std::mt19937_64 rng(seed);
  for (size_t t = 0; t < graph.spec.num_nodes.size(); ++t) {
    EXPECT_EQ(store.NumNodes(static_cast<int>(t)), graph.spec.num_nodes[t]);
  }
  for (size_t e = 0; e < graph.ends.size(); ++e) {
    SCOPED_TRACE(testing::Message() << "edge type " << e);
    const int type = static_cast<int>(e);
    const InLists lists = graph.Lists(type);
    ASSERT_EQ(store.NumEdges(type), static_cast<int64_t>(lists.ids.size()));
    const auto ask = [&](size_t below) {
      std::vector<int64_t> asked(2 * below);
      for (size_t i = 0; i < asked.size(); ++i) asked[i] = static_cast<int64_t>(i % below);
      std::shuffle(asked.begin(), asked.end(), rng);
      return asked;
    };
    const std::vector<int64_t> nodes = ask(lists.ptr.size() - 1);
    std::vector<InRun> runs(nodes.size());
    absl::Status status = store.InRuns(type, nodes, absl::MakeSpan(runs));
    ASSERT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < nodes.size(); ++i) {
      ASSERT_EQ(runs[i].begin, lists.ptr[nodes[i]]) << "node " << nodes[i];
      ASSERT_EQ(runs[i].begin + runs[i].count, lists.ptr[nodes[i] + 1]) << "node " << nodes[i];
    }
    const std::vector<int64_t> positions = ask(lists.ids.size());
    std::vector<int64_t> answers(positions.size());
    status = store.Sources(type, positions, absl::MakeSpan(answers));
    ASSERT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < positions.size(); ++i) {
      ASSERT_EQ(answers[i], lists.sources[positions[i]]) << "position " << positions[i];
    }
    status = store.EdgeIds(type, positions, absl::MakeSpan(answers));
    ASSERT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < positions.size(); ++i) {
      ASSERT_EQ(answers[i], lists.ids[positions[i]]) << "position " << positions[i];
    }
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_SINGLE_GRAPHS_H_
