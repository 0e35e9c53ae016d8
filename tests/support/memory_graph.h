#ifndef GRAPHFEED_TESTS_SUPPORT_MEMORY_GRAPH_H_
#define GRAPHFEED_TESTS_SUPPORT_MEMORY_GRAPH_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "storage/graph/graph_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A single graph in memory behind the GraphStore seam, made of edge lists: the edge with id i of a
// type is edges[i] = {source, target}. Questions about what does not exist are errors, not crashes.
class MemoryGraph : public GraphStore {
 public:
  using EdgeList = std::vector<std::pair<int64_t, int64_t>>;

  // `edges` by edge type of the schema, `num_nodes` by node type.
  MemoryGraph(const Schema& schema, std::vector<int64_t> num_nodes, std::vector<EdgeList> edges)
      : num_nodes_(std::move(num_nodes)) {
    for (size_t e = 0; e < edges.size(); ++e) {
      const EdgeType& type = schema.edge_types[e];
      types_.push_back(Sort(edges[e], num_nodes_[static_cast<size_t>(type.target)]));
      types_.back().target_type = type.target;
    }
  }

  // Before anything refers to it.
  MemoryGraph(MemoryGraph&& other) noexcept
      : num_nodes_(std::move(other.num_nodes_)),
        types_(std::move(other.types_)),
        edges_read_(other.edges_read()),
        failure_(std::move(other.failure_)) {}

  // From now on every question fails with `status`.
  void FailWith(absl::Status status) { failure_ = std::move(status); }
  // Sources and edge ids told so far: what the questions cost.
  int64_t edges_read() const { return edges_read_; }

  int64_t NumNodes(int node_type) const override { return num_nodes_[node_type]; }
  int64_t NumEdges(int edge_type) const override {
    return static_cast<int64_t>(types_[edge_type].sources.size());
  }

  absl::Status InRuns(int edge_type, absl::Span<const int64_t> nodes,
                      absl::Span<InRun> runs) override {
    const int64_t num_nodes = num_nodes_[types_[edge_type].target_type];
    const std::vector<int64_t>& ptr = types_[edge_type].ptr;
    if (!failure_.ok()) return failure_;
    if (runs.size() != nodes.size()) return absl::InternalError("as many runs as nodes");
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] < 0 || nodes[i] >= num_nodes) {
        return absl::OutOfRangeError(absl::StrCat("node ", nodes[i], " of ", num_nodes));
      }
      runs[i] = {ptr[nodes[i]], ptr[nodes[i] + 1] - ptr[nodes[i]]};
    }
    return absl::OkStatus();
  }

  absl::Status Sources(int edge_type, absl::Span<const int64_t> positions,
                       absl::Span<int64_t> sources) override {
    return Tell(types_[edge_type].sources, positions, sources);
  }

  absl::Status EdgeIds(int edge_type, absl::Span<const int64_t> positions,
                       absl::Span<int64_t> edge_ids) override {
    return Tell(types_[edge_type].edge_ids, positions, edge_ids);
  }

 private:
  struct Type {
    int target_type = 0;
    std::vector<int64_t> ptr;
    std::vector<int64_t> sources;
    std::vector<int64_t> edge_ids;
  };

  static Type Sort(const EdgeList& edges, int64_t num_targets) {
    Type type;
    type.edge_ids.resize(edges.size());
    std::iota(type.edge_ids.begin(), type.edge_ids.end(), int64_t{0});
    std::stable_sort(type.edge_ids.begin(), type.edge_ids.end(),
                     [&](int64_t a, int64_t b) { return edges[a].second < edges[b].second; });
    type.ptr.assign(static_cast<size_t>(num_targets) + 1, 0);
    for (const int64_t id : type.edge_ids) {
      type.sources.push_back(edges[id].first);
      ++type.ptr[edges[id].second + 1];
    }
    std::partial_sum(type.ptr.begin(), type.ptr.end(), type.ptr.begin());
    return type;
  }

  absl::Status Tell(const std::vector<int64_t>& values, absl::Span<const int64_t> positions,
                    absl::Span<int64_t> answers) {
    if (!failure_.ok()) return failure_;
    if (answers.size() != positions.size()) return absl::InternalError("one answer a position");
    for (size_t i = 0; i < positions.size(); ++i) {
      if (positions[i] < 0 || positions[i] >= static_cast<int64_t>(values.size())) {
        return absl::OutOfRangeError(
            absl::StrCat("position ", positions[i], " of ", values.size()));
      }
      answers[i] = values[positions[i]];
    }
    edges_read_ += static_cast<int64_t>(positions.size());
    return absl::OkStatus();
  }

  std::vector<int64_t> num_nodes_;
  std::vector<Type> types_;
  std::atomic<int64_t> edges_read_{0};
  absl::Status failure_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_MEMORY_GRAPH_H_
