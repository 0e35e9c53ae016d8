#include "server/batching/sizing/selected_sizes.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "server/batching/random.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

constexpr int64_t kGraphsAtOnce = 4096;  // between two looks at whether anybody still wants it
constexpr int64_t kRun = 1024;

absl::Status ForEachGraph(const Selection& selection, const GraphOffsets& offsets,
                          absl::FunctionRef<void(int64_t graph)> visit) {
  const int64_t count = selection.size(offsets.num_graphs);
  for (int64_t i = 0; i < count; ++i) {
    if (i % kGraphsAtOnce == 0) GF_RETURN_IF_ERROR(CheckWanted());
    visit(selection(i));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SelectedSizes> MeasureSizes(const Selection& selection,
                                           const GraphOffsets& offsets) {
  SelectedSizes sizes;
  sizes.totals.graphs = selection.size(offsets.num_graphs);
  sizes.largest.graphs = 1;
  for (SizeTotals* of : {&sizes.totals, &sizes.largest}) {
    of->nodes.resize(offsets.node_ptr.size());
    of->edges.resize(offsets.edge_ptr.size());
  }
  const auto add = [](int64_t size, int64_t& total, int64_t& largest) {
    total += size;
    largest = std::max(largest, size);
    return size;
  };
  GF_RETURN_IF_ERROR(ForEachGraph(selection, offsets, [&](int64_t graph) {
    int64_t nodes = 0;
    int64_t edges = 0;
    for (size_t t = 0; t < offsets.node_ptr.size(); ++t) {
      nodes += add(offsets.NumNodes(static_cast<int>(t), graph), sizes.totals.nodes[t],
                   sizes.largest.nodes[t]);
    }
    for (size_t r = 0; r < offsets.edge_ptr.size(); ++r) {
      edges += add(offsets.NumEdges(static_cast<int>(r), graph), sizes.totals.edges[r],
                   sizes.largest.edges[r]);
    }
    sizes.largest_nodes = std::max(sizes.largest_nodes, nodes);
    sizes.largest_edges = std::max(sizes.largest_edges, edges);
  }));
  return sizes;
}

absl::StatusOr<SelectedCounts> CountSizes(const Selection& selection, const GraphOffsets& offsets) {
  SelectedCounts counts;
  counts.nodes.resize(offsets.node_ptr.size());
  counts.edges.resize(offsets.edge_ptr.size());
  GF_RETURN_IF_ERROR(ForEachGraph(selection, offsets, [&](int64_t graph) {
    for (size_t t = 0; t < counts.nodes.size(); ++t) {
      counts.nodes[t].Add(offsets.NumNodes(static_cast<int>(t), graph));
    }
    for (size_t r = 0; r < counts.edges.size(); ++r) {
      counts.edges[r].Add(offsets.NumEdges(static_cast<int>(r), graph));
    }
  }));
  return counts;
}

Selection SampleOf(const Selection& selection, int64_t num_graphs, int64_t count, bool shuffled) {
  const int64_t all = selection.size(num_graphs);
  if (all <= count) return selection;
  Selection sample;
  sample.kind = Selection::Kind::kIds;
  sample.ids.reserve(static_cast<size_t>(count));
  if (shuffled) {
    const KeyedPermutation order(0, 0, RandomPurpose::kShuffle, all);
    for (int64_t i = 0; i < count; ++i) sample.ids.push_back(selection(order(i)));
    return sample;
  }
  const int64_t runs = std::max<int64_t>(count / kRun, 1);
  for (int64_t r = 0; r < runs; ++r) {
    const int64_t length = count / runs + (r < count % runs ? 1 : 0);
    // 128 bits, since `all` may be as many as an integer holds.
    const auto first = static_cast<int64_t>(static_cast<__int128>(all - length) * r /
                                            std::max<int64_t>(runs - 1, 1));
    for (int64_t i = 0; i < length; ++i) sample.ids.push_back(selection(first + i));
  }
  return sample;
}

}  // namespace graphfeed
