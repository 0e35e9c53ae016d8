#include "server/sampling/cluster_union.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

void AddParts(TestGraph& graph, const std::vector<int32_t>& parts) {
  graph.AddColumn(NodeColumn("part", DType::kInt32));
  graph.features->Append("part", parts);
  graph.Finish();
}

Clusters ReadParts(TestGraph& graph) {
  auto clusters = Clusters::Read(graph.view(), 0);
  EXPECT_TRUE(clusters.ok()) << clusters.status();
  return *std::move(clusters);
}

Subgraph Unite(TestGraph& graph, const Clusters& clusters, const std::vector<int64_t>& chosen) {
  Subgraph subgraph;
  const absl::Status status = UniteClusters(graph.view(), clusters, chosen, subgraph);
  EXPECT_TRUE(status.ok()) << status;
  return subgraph;
}

TEST(ClustersTest, NodesAreAscendingWithinAClusterAndClustersMayBeEmpty) {
  TestGraph graph = HomogeneousGraph(6, {});
  AddParts(graph, {3, 0, 3, 1, 0, 3});
  const Clusters clusters = ReadParts(graph);
  EXPECT_EQ(clusters.num_clusters(), 4);
  EXPECT_EQ(clusters.ptr, (std::vector<int64_t>{0, 2, 3, 3, 6}));
  EXPECT_EQ(clusters.nodes, (std::vector<int64_t>{1, 4, 3, 0, 2, 5}));
}

TEST(ClustersTest, NamesWhatIsNoPartition) {
  const auto message = [](TestGraph& graph, int column) {
    const auto clusters = Clusters::Read(graph.view(), column);
    EXPECT_EQ(clusters.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(clusters.status().message());
  };
  TestGraph graph = HomogeneousGraph(3, {});
  AddParts(graph, {0, 3, 1});
  EXPECT_THAT(message(graph, 0), HasSubstr("column 'part': node 1 is in cluster 3; clusters go "
                                           "from 0 to 2"));
  EXPECT_THAT(message(graph, 1), HasSubstr("no partition column 1"));
  TestGraph negative = HomogeneousGraph(2, {});
  AddParts(negative, {0, -1});
  EXPECT_THAT(message(negative, 0), HasSubstr("node 1 is in cluster -1"));
  TestGraph real = HomogeneousGraph(1, {});
  real.AddColumn(NodeColumn("x", DType::kFloat32));
  EXPECT_THAT(message(real, 0), HasSubstr("column 'x' is a node column with rows of 1 float32"));
  TestGraph hetero = RandomHeteroGraph(0);
  EXPECT_THAT(message(hetero, 0), HasSubstr("clusters are those of one homogeneous graph"));
}

TEST(ClusterUnionTest, RestoresTheEdgesBetweenItsClusters) {
  //   cluster 0: 1, 3   cluster 1: 0, 4   cluster 2: 2
  TestGraph graph =
      HomogeneousGraph(5, {{3, 1}, {1, 0}, {0, 3}, {2, 1}, {4, 4}, {0, 4}, {1, 3}, {1, 0}});
  AddParts(graph, {1, 0, 2, 0, 1});
  const Subgraph subgraph = Unite(graph, ReadParts(graph), {1, 0});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{0, 4, 1, 3}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{0, 0, 1, 2, 2, 2, 3}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{1, 3, 1, 0, 0, 3, 2}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{5, 2, 4, 1, 7, 6, 0}));
  EXPECT_EQ(subgraph.num_seeds, std::vector<int64_t>({0}));
}

TEST(ClusterUnionTest, EqualsBruteForceOverAllEdges) {
  std::mt19937 random(21);
  for (int round = 0; round < 20; ++round) {
    EdgeList edges;
    for (int i = 0; i < 400; ++i) edges.emplace_back(random() % 60, random() % 60);
    TestGraph graph = HomogeneousGraph(60, edges);
    std::vector<int32_t> parts;
    for (int i = 0; i < 60; ++i) parts.push_back(static_cast<int32_t>(random() % 9));
    AddParts(graph, parts);
    const Clusters clusters = ReadParts(graph);
    std::vector<int64_t> chosen;
    for (int64_t c = 0; c < clusters.num_clusters(); ++c) {
      if (random() % 2 == 0) chosen.push_back(c);
    }
    std::shuffle(chosen.begin(), chosen.end(), random);

    std::vector<int64_t> nodes;
    std::vector<int32_t> place(60, -1);
    for (const int64_t cluster : chosen) {
      for (int64_t node = 0; node < 60; ++node) {
        if (parts[node] != cluster) continue;
        place[node] = static_cast<int32_t>(nodes.size());
        nodes.push_back(node);
      }
    }
    std::vector<std::tuple<int32_t, int32_t, int64_t>> expected;
    for (size_t id = 0; id < edges.size(); ++id) {
      const auto& [source, target] = edges[id];
      if (place[source] < 0 || place[target] < 0) continue;
      expected.emplace_back(place[source], place[target], static_cast<int64_t>(id));
    }
    std::sort(expected.begin(), expected.end());

    const Subgraph subgraph = Unite(graph, clusters, chosen);
    EXPECT_EQ(subgraph.nodes[0], nodes);
    std::vector<std::tuple<int32_t, int32_t, int64_t>> actual;
    for (size_t i = 0; i < subgraph.edges[0].source.size(); ++i) {
      actual.emplace_back(subgraph.edges[0].source[i], subgraph.edges[0].target[i],
                          subgraph.edges[0].edge_id[i]);
    }
    EXPECT_EQ(actual, expected);
  }
}

TEST(ClusterUnionTest, ClustersMustExistAndDiffer) {
  TestGraph graph = HomogeneousGraph(2, {});
  AddParts(graph, {0, 1});
  const Clusters clusters = ReadParts(graph);
  Subgraph subgraph;
  EXPECT_EQ(UniteClusters(graph.view(), clusters, {2}, subgraph).message(),
            "no cluster 2; the partition has 2");
  EXPECT_EQ(UniteClusters(graph.view(), clusters, {-1}, subgraph).message(),
            "no cluster -1; the partition has 2");
  EXPECT_EQ(UniteClusters(graph.view(), clusters, {1, 1}, subgraph).message(),
            "cluster 1 is given twice");
  EXPECT_TRUE(Unite(graph, clusters, {}).nodes[0].empty());
}

}  // namespace
}  // namespace graphfeed
