#ifndef GRAPHFEED_SERVER_SAMPLING_TIME_ORDER_H_
#define GRAPHFEED_SERVER_SAMPLING_TIME_ORDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/sampling/graph_view.h"

namespace graphfeed {

// The nodes of a type numbered by time, of equal times by id: those until some time are the first
// ones. Of a type without times all nodes are as early as can be, and a node's number is its id.
// Immutable.
class TimeOrder {
 public:
  // `column` is an integer column of the type, or -1. INVALID_ARGUMENT for 2^32 nodes or more; what
  // the store reports.
  static absl::StatusOr<TimeOrder> Read(const GraphView& graph, int node_type, int column);

  bool timed() const { return !times_.empty(); }
  int64_t CountUntil(int64_t time) const;
  int64_t Node(int64_t number) const { return timed() ? nodes_[number] : number; }
  int64_t NumberOf(int64_t node) const { return timed() ? numbers_[node] : node; }
  int64_t memory_bytes() const;

 private:
  int64_t num_nodes_ = 0;
  std::vector<int64_t> times_;     // by number; empty: the type has none
  std::vector<uint32_t> nodes_;    // by number
  std::vector<uint32_t> numbers_;  // by node
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_TIME_ORDER_H_
