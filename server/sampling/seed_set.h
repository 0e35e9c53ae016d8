#ifndef GRAPHFEED_SERVER_SAMPLING_SEED_SET_H_
#define GRAPHFEED_SERVER_SAMPLING_SEED_SET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/batching/resolved_sampling.h"
#include "server/sampling/cluster_union.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/time_order.h"

namespace graphfeed {

// What the selection of a sampled spec chooses from: the nodes of the input type or those of a
// mask, edges of a type or explicit pairs, clusters. Immutable.
class SeedSet {
 public:
  // Reads what is needed once: a mask, the numbers of the clusters, or the times of the nodes that
  // negatives are drawn of. INVALID_ARGUMENT for an empty mask, a type without seeds, and as
  // Clusters::Read and TimeOrder::Read; what the store reports.
  static absl::StatusOr<SeedSet> Read(const GraphView& graph, const ResolvedSampling& sampling);

  int64_t size() const { return size_; }
  // Seed node `item` of the set.
  int64_t Node(int64_t item) const { return masked_.empty() ? item : masked_[item]; }
  const Clusters& clusters() const { return clusters_; }
  // Of the ends of the seed edges' type, where negatives keep to times.
  const TimeOrder& source_times() const { return source_times_; }
  const TimeOrder& target_times() const { return one_type_ ? source_times_ : target_times_; }
  int64_t memory_bytes() const;

 private:
  int64_t size_ = 0;
  std::vector<int64_t> masked_;  // nodes where the mask is true, ascending
  Clusters clusters_;
  bool one_type_ = false;
  TimeOrder source_times_;
  TimeOrder target_times_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SEED_SET_H_
