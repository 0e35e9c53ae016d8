#include "server/batching/sizing/batch_sizes.h"

#include <algorithm>
#include <limits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "proto/frame/layout.h"
#include "server/batching/batch_tensors.h"
#include "storage/base/arithmetic.h"

namespace graphfeed {
namespace {

constexpr int64_t kRowsWeighed = 4096;  // of which the bytes are whole numbers of cache lines

}  // namespace

int64_t BatchSizes::BatchBytes(const ResolvedOptions& options) {
  spec_.options = options;
  const absl::StatusOr<Layout> layout = MakeLayout(schema_, spec_, max_batch_bytes_);
  return layout.ok() ? layout->slab_bytes : std::numeric_limits<int64_t>::max();
}

int64_t BatchSizes::Counted(const ResolvedOptions& options) {
  switch (target_.limit) {
    case SizeLimit::kNodes:
      return Sum(options.num_nodes);
    case SizeLimit::kGraphs:
      return options.num_graphs;
    case SizeLimit::kBytes:
      break;
  }
  return BatchBytes(options);
}

bool BatchSizes::Meets(const ResolvedOptions& options) {
  return Counted(options) <= target_.at_most && BatchBytes(options) <= max_batch_bytes_;
}

absl::Status BatchSizes::Refusal(const ResolvedOptions& options) {
  const int64_t counted = Counted(options);
  const bool known = counted < std::numeric_limits<int64_t>::max();
  return absl::InvalidArgumentError(absl::StrCat(
      "best.", NameOf(target_.limit), " is ", target_.at_most,
      "; a batch with room for the largest graphs ",
      known && counted > target_.at_most
          ? absl::StrCat("has a ", NameOf(target_.limit), " of ", counted)
          : absl::StrCat("has more than ", max_batch_bytes_, " bytes, the largest frame")));
}

EpochBytes BatchSizes::RealBytes(const SizeTotals& totals) {
  ResolvedOptions few = spec_.options;
  std::fill(few.num_nodes.begin(), few.num_nodes.end(), kRowsWeighed);
  std::fill(few.num_edges.begin(), few.num_edges.end(), kRowsWeighed);
  few.num_graphs = kRowsWeighed;
  spec_.options = few;
  // Of any size: weighed only.
  const auto weigh = [&] {
    const absl::StatusOr<Layout> layout =
        MakeLayout(schema_, spec_, std::numeric_limits<int64_t>::max());
    return layout.ok() ? layout->slab_bytes : 0;
  };
  const int64_t bytes_of_few = weigh();
  EpochBytes bytes = 0;
  const auto add = [&](int64_t& count, int64_t total) {
    count += kRowsWeighed;
    bytes += static_cast<EpochBytes>(weigh() - bytes_of_few) * total / kRowsWeighed;
    count -= kRowsWeighed;
  };
  ResolvedOptions& options = spec_.options;
  for (size_t t = 0; t < totals.nodes.size(); ++t) add(options.num_nodes[t], totals.nodes[t]);
  for (size_t r = 0; r < totals.edges.size(); ++r) add(options.num_edges[r], totals.edges[r]);
  add(options.num_graphs, totals.graphs);
  return bytes;
}

std::optional<int64_t> Smallest(int64_t most, absl::FunctionRef<bool(int64_t)> meets) {
  if (!meets(most)) return std::nullopt;
  int64_t below = 0;
  while (most - below > 1) {
    const int64_t middle = below + (most - below) / 2;
    (meets(middle) ? most : below) = middle;
  }
  return most;
}

}  // namespace graphfeed
