#ifndef GRAPHFEED_TESTS_SUPPORT_TEST_GRAPHS_H_
#define GRAPHFEED_TESTS_SUPPORT_TEST_GRAPHS_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// A collection like molecules: graph g has 3 to 12 nodes and about twice as many edges; x float32
// [n, 4] holds node numbers over the whole collection, edge_attr int64 [e], y int64 [1] is g, name
// is "graph g". The same for the same `num_graphs`.
inline GraphBlock MoleculeBlock(int64_t num_graphs) {
  std::mt19937 random(static_cast<uint32_t>(num_graphs));
  GraphBlock block;
  block.num_graphs = num_graphs;
  block.num_nodes.resize(1);
  block.num_edges.resize(1);
  block.columns.resize(5);
  auto column = [&](size_t i, const char* name, DType dtype, std::vector<int64_t> row_shape) {
    block.columns[i].name = name;
    block.columns[i].dtype = dtype;
    block.columns[i].row_shape = std::move(row_shape);
  };
  column(0, "x", DType::kFloat32, {4});
  column(1, "edge_index", DType::kInt64, {2});
  block.columns[1].concat_last = true;
  column(2, "edge_attr", DType::kInt64, {});
  column(3, "y", DType::kInt64, {});
  column(4, "name", DType::kString, {});
  auto append = [&](size_t i, auto value) {
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    block.columns[i].rows.append(bytes, sizeof(value));
  };
  int64_t node = 0;
  int64_t edge = 0;
  for (int64_t g = 0; g < num_graphs; ++g) {
    const int64_t nodes = 3 + static_cast<int64_t>(random() % 10);
    const int64_t edges = 2 * nodes - 2 + static_cast<int64_t>(random() % 3);
    block.num_nodes[0].push_back(nodes);
    block.num_edges[0].push_back(edges);
    for (int64_t i = 0; i < nodes; ++i, ++node) {
      for (int f = 0; f < 4; ++f) append(0, static_cast<float>(node) + 0.25f * f);
    }
    for (int64_t i = 0; i < edges; ++i) {
      append(1, static_cast<int64_t>(random() % nodes));
      append(1, static_cast<int64_t>(random() % nodes));
      append(2, edge++);
    }
    append(3, g);
    block.columns[0].sizes.push_back(nodes);
    block.columns[1].sizes.push_back(edges);
    block.columns[2].sizes.push_back(edges);
    block.columns[4].strings.push_back(absl::StrCat("graph ", g));
  }
  return block;
}

inline absl::StatusOr<DatasetInfo> IngestMolecules(Client& client, const std::string& name,
                                                   int64_t num_graphs) {
  IngestSpec spec;
  spec.name = name;
  absl::StatusOr<std::unique_ptr<GraphSink>> stream = client.Ingest(spec);
  if (!stream.ok()) return stream.status();
  if (absl::Status status = (*stream)->Append(MoleculeBlock(num_graphs)); !status.ok()) {
    return status;
  }
  return (*stream)->Commit();
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_TEST_GRAPHS_H_
