#include "tests/benchmark/molecules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

constexpr int64_t kMinNodes = 3;
constexpr int64_t kMaxNodes = 29;
constexpr size_t kMaxBonds = 28;

template <typename T>
void Put(std::string& rows, T value) {
  rows.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

ColumnBlock Column(const char* name, DType dtype, std::vector<int64_t> row_shape) {
  ColumnBlock column;
  column.name = name;
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  return column;
}

}  // namespace

// SplitMix64.
uint64_t MoleculeGenerator::Below(uint64_t bound) {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % bound;
}

double MoleculeGenerator::Uniform() {
  return static_cast<double>(Below(uint64_t{1} << 53)) / static_cast<double>(uint64_t{1} << 53);
}

GraphBlock MoleculeGenerator::Next(int64_t count) {
  GraphBlock block;
  block.num_graphs = count;
  block.num_nodes.resize(1);
  block.num_edges.resize(1);
  ColumnBlock x = Column("x", DType::kFloat32, {11});
  ColumnBlock edge_index = Column("edge_index", DType::kInt64, {2});
  edge_index.concat_last = true;
  ColumnBlock edge_attr = Column("edge_attr", DType::kFloat32, {4});
  ColumnBlock y = Column("y", DType::kFloat32, {19});
  ColumnBlock pos = Column("pos", DType::kFloat32, {3});
  ColumnBlock z = Column("z", DType::kInt64, {});

  constexpr std::array<int64_t, 5> kElements = {1, 6, 7, 8, 9};
  for (int64_t graph = 0; graph < count; ++graph) {
    double normal = -6;  // the sum of 12 uniform numbers, less its mean
    for (int i = 0; i < 12; ++i) normal += Uniform();
    const int64_t n = std::clamp(std::llround(18 + 2.9 * normal), static_cast<long long>(kMinNodes),
                                 static_cast<long long>(kMaxNodes));
    // A tree whose branches are short, and some rings.
    std::set<std::pair<int64_t, int64_t>> bonds;
    for (int64_t node = 1; node < n; ++node) {
      bonds.emplace(node - 1 - static_cast<int64_t>(Below(std::min<int64_t>(node, 3))), node);
    }
    for (uint64_t ring = Below(4); ring > 0 && bonds.size() < kMaxBonds; --ring) {
      const auto a = static_cast<int64_t>(Below(n));
      const auto b = static_cast<int64_t>(Below(n));
      if (a != b) bonds.emplace(std::min(a, b), std::max(a, b));
    }
    std::vector<std::array<int64_t, 3>> edges;  // source, target, kind
    for (const auto& [a, b] : bonds) {
      const auto kind = static_cast<int64_t>(Below(4));
      edges.push_back({a, b, kind});
      edges.push_back({b, a, kind});
    }
    std::sort(edges.begin(), edges.end());

    for (int64_t node = 0; node < n; ++node) {
      const uint64_t element = Below(kElements.size());
      for (uint64_t i = 0; i < 11; ++i) Put(x.rows, i == element ? 1.0f : 0.0f);
      for (int i = 0; i < 3; ++i) Put(pos.rows, static_cast<float>(10 * Uniform()));
      Put(z.rows, kElements[element]);
    }
    for (const auto& [source, target, kind] : edges) {
      Put(edge_index.rows, source);
      Put(edge_index.rows, target);
      for (int64_t i = 0; i < 4; ++i) Put(edge_attr.rows, i == kind ? 1.0f : 0.0f);
    }
    for (int i = 0; i < 19; ++i) Put(y.rows, static_cast<float>(Uniform()));

    const auto num_edges = static_cast<int64_t>(edges.size());
    block.num_nodes[0].push_back(n);
    block.num_edges[0].push_back(num_edges);
    for (ColumnBlock* column : {&x, &pos, &z}) column->sizes.push_back(n);
    for (ColumnBlock* column : {&edge_index, &edge_attr}) column->sizes.push_back(num_edges);
    y.sizes.push_back(1);
  }
  block.columns = {std::move(x), std::move(edge_index), std::move(edge_attr),
                   std::move(y), std::move(pos),        std::move(z)};
  return block;
}

}  // namespace graphfeed
