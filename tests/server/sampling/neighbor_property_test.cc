// Promises that hold for every graph, on random heterogeneous ones with an empty node type, an
// edge type without edges, isolated nodes, hubs, self-loops and parallel edges.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

struct Case {
  std::vector<std::vector<int64_t>> num_neighbors;
  bool replace;
  bool disjoint;
  int seed_type;
  std::vector<int64_t> seeds;
};

Case RandomCase(const TestGraph& graph, std::mt19937& random) {
  static constexpr int64_t kFanOuts[] = {-1, 0, 1, 2, 3, 5, 8, 100};
  Case result;
  const size_t hops = 1 + random() % 3;
  for (size_t e = 0; e < graph.schema.edge_types.size(); ++e) {
    result.num_neighbors.emplace_back();
    for (size_t h = 0; h < hops; ++h) {
      result.num_neighbors.back().push_back(kFanOuts[random() % 8]);
    }
  }
  result.replace = random() % 3 == 0;
  result.disjoint = random() % 3 == 0;
  do {
    result.seed_type = static_cast<int>(random() % graph.num_nodes.size());
  } while (graph.num_nodes[result.seed_type] == 0);
  const size_t num_seeds = random() % 8;
  for (size_t i = 0; i < num_seeds; ++i) {
    // Half of them from the ends: the hub and isolated nodes.
    const int64_t count = graph.num_nodes[result.seed_type];
    const int64_t node = random() % count;
    result.seeds.push_back(random() % 2 == 0 ? node : (random() % 2 == 0 ? 0 : count - 1));
  }
  return result;
}

// Walks the hops again with the sampled edges as the only choices, and so checks all at once: how
// many edges each node of a frontier has, in which order edges and nodes come, and where they are.
void ExpectHopRules(const TestGraph& graph, const Case& c, const Subgraph& subgraph) {
  const Schema& schema = graph.schema;
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const auto name = [&](int e) {
      const EdgeType& type = schema.edge_types[e];
      return schema.node_types[type.source] + "__" + type.relation + "__" +
             schema.node_types[type.target];
    };
    return name(a) < name(b);
  });
  std::vector<std::vector<std::pair<int64_t, int32_t>>> lists(schema.node_types.size());
  std::vector<std::map<std::pair<int64_t, int32_t>, size_t>> places(schema.node_types.size());
  for (size_t i = 0; i < c.seeds.size(); ++i) {
    const std::pair<int64_t, int32_t> key(c.seeds[i], c.disjoint ? static_cast<int32_t>(i) : 0);
    places[c.seed_type].try_emplace(key, i);
    lists[c.seed_type].push_back(key);
  }
  std::vector<size_t> next(schema.edge_types.size(), 0);
  std::vector<size_t> begin(lists.size(), 0);
  for (size_t hop = 0; hop < c.num_neighbors[0].size(); ++hop) {
    std::vector<size_t> end;
    for (const auto& list : lists) end.push_back(list.size());
    for (const int e : order) {
      const EdgeType& type = schema.edge_types[e];
      const Subgraph::Edges& edges = subgraph.edges[e];
      for (size_t place = begin[type.target]; place < end[type.target]; ++place) {
        const auto [target, tree] = lists[type.target][place];
        const std::vector<int64_t> in_edges = graph.InEdges(e, target);
        const auto degree = static_cast<int64_t>(in_edges.size());
        const int64_t fan_out = c.num_neighbors[e][hop];
        const int64_t expected = fan_out < 0 || degree == 0 ? degree
                                 : c.replace                ? fan_out
                                                            : std::min(fan_out, degree);
        std::vector<int64_t> chosen;
        for (int64_t i = 0; i < expected; ++i, ++next[e]) {
          ASSERT_LT(next[e], edges.source.size());
          ASSERT_EQ(edges.target[next[e]], static_cast<int32_t>(place));
          const int64_t id = edges.edge_id[next[e]];
          ASSERT_EQ(graph.edges[e][id].second, target);
          chosen.push_back(id);
          const std::pair<int64_t, int32_t> source(graph.edges[e][id].first, tree);
          const auto [found, added] =
              places[type.source].try_emplace(source, lists[type.source].size());
          if (added) lists[type.source].push_back(source);
          ASSERT_EQ(edges.source[next[e]], static_cast<int32_t>(found->second));
        }
        if (expected == degree && (!c.replace || fan_out < 0)) {
          ASSERT_EQ(chosen, in_edges);
        }
        if (!c.replace) {
          ASSERT_EQ(std::set<int64_t>(chosen.begin(), chosen.end()).size(), chosen.size());
        }
      }
    }
    begin = end;
  }
  for (size_t e = 0; e < next.size(); ++e) ASSERT_EQ(next[e], subgraph.edges[e].source.size());
  for (size_t t = 0; t < lists.size(); ++t) {
    std::vector<int64_t> nodes;
    std::vector<int32_t> trees;
    for (const auto& [node, tree] : lists[t]) {
      nodes.push_back(node);
      if (c.disjoint) trees.push_back(tree);
    }
    ASSERT_EQ(subgraph.nodes[t], nodes);
    ASSERT_EQ(subgraph.tree[t], trees);
  }
}

TEST(NeighborPropertyTest, HopRulesHold) {
  std::mt19937 random(17);
  size_t edges = 0;
  for (uint32_t seed = 0; seed < 8; ++seed) {
    TestGraph graph = RandomHeteroGraph(seed);
    for (int i = 0; i < 40; ++i) {
      SCOPED_TRACE(testing::Message() << "graph " << seed << " case " << i);
      const Case c = RandomCase(graph, random);
      const auto sampler = MakeSampler(
          graph, {.num_neighbors = c.num_neighbors, .replace = c.replace, .disjoint = c.disjoint});
      const Subgraph subgraph = SampleOnce(*sampler, {c.seed_type, c.seeds, {}}, i);
      EXPECT_EQ(subgraph.num_seeds[c.seed_type], static_cast<int64_t>(c.seeds.size()));
      ExpectEdgesOfGraph(graph, subgraph);
      ExpectHopRules(graph, c, subgraph);
      for (const Subgraph::Edges& list : subgraph.edges) edges += list.source.size();
    }
  }
  EXPECT_GT(edges, 20000u);
}

// How nodes are relabelled, what was sampled before with the same scratch: neither can be seen.
TEST(NeighborPropertyTest, TablesAndUsedScratchChangeNothing) {
  std::mt19937 random(18);
  TestGraph graph = RandomHeteroGraph(1);
  for (int i = 0; i < 60; ++i) {
    const Case c = RandomCase(graph, random);
    NeighborSamplerOptions options{
        .num_neighbors = c.num_neighbors,
        .replace = c.replace,
        .subgraph_type = i % 2 == 0 ? SubgraphType::kDirectional : SubgraphType::kInduced,
        .disjoint = c.disjoint};
    const auto dense = MakeSampler(graph, options);
    options.max_dense_nodes = 0;
    const auto hashed = MakeSampler(graph, options);
    const auto dense_scratch = dense->NewScratch();
    const auto hashed_scratch = hashed->NewScratch();
    Subgraph a;
    Subgraph b;
    for (uint64_t batch = 0; batch < 3; ++batch) {
      const Seeds seeds{c.seed_type, c.seeds, {}};
      ASSERT_TRUE(dense->Sample(1, 0, batch, seeds, *dense_scratch, a).ok());
      ASSERT_TRUE(hashed->Sample(1, 0, batch, seeds, *hashed_scratch, b).ok());
      ASSERT_TRUE(SameSubgraph(a, b));
      ASSERT_TRUE(SameSubgraph(a, SampleOnce(*dense, seeds, batch)));
    }
  }
}

TEST(NeighborPropertyTest, DisjointTreesShareNoNodeAndAreTheSubgraphsOfTheirSeeds) {
  TestGraph graph = RandomHeteroGraph(2);
  const auto disjoint =
      MakeSampler(graph, {.num_neighbors = FanOuts(graph, {-1, -1}), .disjoint = true});
  const auto alone = MakeSampler(graph, {.num_neighbors = FanOuts(graph, {-1, -1})});
  const std::vector<int64_t> seeds = {4, 0, 4, 39, 11};
  const Subgraph subgraph = SampleOnce(*disjoint, {.nodes = seeds});
  for (size_t e = 0; e < subgraph.edges.size(); ++e) {
    const EdgeType& type = graph.schema.edge_types[e];
    for (size_t i = 0; i < subgraph.edges[e].source.size(); ++i) {
      ASSERT_EQ(subgraph.tree[type.source][subgraph.edges[e].source[i]],
                subgraph.tree[type.target][subgraph.edges[e].target[i]]);
    }
  }
  for (size_t tree = 0; tree < seeds.size(); ++tree) {
    const std::vector<int64_t> seed = {seeds[tree]};
    const Subgraph expected = SampleOnce(*alone, {.nodes = seed});
    for (size_t t = 0; t < subgraph.nodes.size(); ++t) {
      std::vector<int64_t> nodes;
      for (size_t i = 0; i < subgraph.nodes[t].size(); ++i) {
        if (subgraph.tree[t][i] == static_cast<int32_t>(tree)) {
          nodes.push_back(subgraph.nodes[t][i]);
        }
      }
      EXPECT_EQ(nodes, expected.nodes[t]) << "tree " << tree << " type " << t;
    }
    for (size_t e = 0; e < subgraph.edges.size(); ++e) {
      const int target_type = graph.schema.edge_types[e].target;
      std::vector<int64_t> ids;
      for (size_t i = 0; i < subgraph.edges[e].source.size(); ++i) {
        if (subgraph.tree[target_type][subgraph.edges[e].target[i]] == static_cast<int32_t>(tree)) {
          ids.push_back(subgraph.edges[e].edge_id[i]);
        }
      }
      EXPECT_EQ(ids, expected.edges[e].edge_id) << "tree " << tree << " edge type " << e;
    }
  }
}

}  // namespace
}  // namespace graphfeed
