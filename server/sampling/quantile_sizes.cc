#include "server/sampling/quantile_sizes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status CheckBatches(absl::Span<const Counts> batches) {
  if (batches.empty()) {
    return absl::InvalidArgumentError("sizes are estimated from at least one batch; there is none");
  }
  for (size_t i = 1; i < batches.size(); ++i) {
    if (batches[i].nodes.size() != batches[0].nodes.size() ||
        batches[i].edges.size() != batches[0].edges.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch ", i, " has ", batches[i].nodes.size(), " node types and ",
                       batches[i].edges.size(), " edge types, batch 0 ", batches[0].nodes.size(),
                       " and ", batches[0].edges.size()));
    }
  }
  return absl::OkStatus();
}

// The smallest of the sizes that at least `quantile` of them do not exceed.
int64_t Quantile(std::vector<int64_t>& sizes, double quantile) {
  const auto count = static_cast<double>(sizes.size());
  // 0.999 * 1000 is a little more than 999 in doubles, and no batch more is meant by that.
  const double rank = std::ceil(quantile * count - 1e-9 * count);
  const auto index = static_cast<ptrdiff_t>(std::clamp(rank, 1.0, count)) - 1;
  std::nth_element(sizes.begin(), sizes.begin() + index, sizes.end());
  return sizes[static_cast<size_t>(index)];
}

// Of one kind of things (nodes or edges), by type.
std::vector<int64_t> Sizes(absl::Span<const Counts> batches, std::vector<int64_t> Counts::*kind,
                           double quantile, const std::vector<int64_t>& at_least) {
  std::vector<int64_t> by_type;
  std::vector<int64_t> sizes(batches.size());
  for (size_t t = 0; t < (batches[0].*kind).size(); ++t) {
    for (size_t i = 0; i < batches.size(); ++i) sizes[i] = (batches[i].*kind)[t];
    const int64_t size = Quantile(sizes, quantile);
    by_type.push_back(std::max(size, at_least.empty() ? 0 : at_least[t]) + 1);
  }
  return by_type;
}

}  // namespace

Counts SizesOf(const Subgraph& subgraph) {
  Counts counts;
  counts.graphs = 1;
  for (const auto& nodes : subgraph.nodes)
    counts.nodes.push_back(static_cast<int64_t>(nodes.size()));
  for (const auto& edges : subgraph.edges) {
    counts.edges.push_back(static_cast<int64_t>(edges.source.size()));
  }
  return counts;
}

absl::StatusOr<Counts> QuantileSizes(absl::Span<const Counts> batches, double quantile,
                                     const Counts& at_least) {
  if (!(quantile > 0 && quantile <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("quantile is ", quantile, "; it must be above 0 and at most 1"));
  }
  GF_RETURN_IF_ERROR(CheckBatches(batches));
  if ((!at_least.nodes.empty() && at_least.nodes.size() != batches[0].nodes.size()) ||
      (!at_least.edges.empty() && at_least.edges.size() != batches[0].edges.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "at_least has ", at_least.nodes.size(), " node types and ", at_least.edges.size(),
        " edge types, the batches ", batches[0].nodes.size(), " and ", batches[0].edges.size()));
  }
  Counts result;
  for (const Counts& batch : batches) result.graphs = std::max(result.graphs, batch.graphs + 1);
  result.nodes = Sizes(batches, &Counts::nodes, quantile, at_least.nodes);
  result.edges = Sizes(batches, &Counts::edges, quantile, at_least.edges);
  return result;
}

}  // namespace graphfeed
