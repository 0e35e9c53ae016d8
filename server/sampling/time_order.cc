#include "server/sampling/time_order.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/sampling/row_reader.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxNodes = std::numeric_limits<uint32_t>::max();
constexpr int64_t kRowsAtOnce = 1 << 16;

}  // namespace

absl::StatusOr<TimeOrder> TimeOrder::Read(const GraphView& graph, int node_type, int column) {
  TimeOrder order;
  order.num_nodes_ = graph.adjacency.NumNodes(node_type);
  if (column < 0 || order.num_nodes_ == 0) return order;
  if (order.num_nodes_ > kMaxNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", graph.schema.node_types[node_type], "' has ", order.num_nodes_,
                     " nodes; negatives that keep to times are drawn from at most ", kMaxNodes));
  }
  const auto size = static_cast<size_t>(order.num_nodes_);
  std::vector<int64_t> times(size);
  std::vector<int64_t> ids;
  RowReader reader;
  for (int64_t begin = 0; begin < order.num_nodes_; begin += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, order.num_nodes_ - begin);
    ids.resize(static_cast<size_t>(count));
    std::iota(ids.begin(), ids.end(), begin);
    GF_RETURN_IF_ERROR(reader.ReadIntegers(
        graph, column, ids,
        absl::MakeSpan(times).subspan(static_cast<size_t>(begin), static_cast<size_t>(count))));
  }
  order.nodes_.resize(size);
  std::iota(order.nodes_.begin(), order.nodes_.end(), uint32_t{0});
  std::stable_sort(order.nodes_.begin(), order.nodes_.end(),
                   [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
  order.numbers_.resize(size);
  order.times_.resize(size);
  for (size_t number = 0; number < size; ++number) {
    const uint32_t node = order.nodes_[number];
    order.numbers_[node] = static_cast<uint32_t>(number);
    order.times_[number] = times[node];
  }
  return order;
}

int64_t TimeOrder::CountUntil(int64_t time) const {
  if (!timed()) return num_nodes_;
  return std::upper_bound(times_.begin(), times_.end(), time) - times_.begin();
}

int64_t TimeOrder::memory_bytes() const {
  return static_cast<int64_t>(times_.capacity() * sizeof(int64_t) +
                              (nodes_.capacity() + numbers_.capacity()) * sizeof(uint32_t));
}

}  // namespace graphfeed
