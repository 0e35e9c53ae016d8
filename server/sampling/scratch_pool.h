#ifndef GRAPHFEED_SERVER_SAMPLING_SCRATCH_POOL_H_
#define GRAPHFEED_SERVER_SAMPLING_SCRATCH_POOL_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/sampling/neighbor_sampler.h"
#include "storage/base/mutex.h"

namespace graphfeed {

struct SeedScratch;

// Working memory of the samplers of one graph, kept from batch to batch, whosever: there is as much
// as calls at a time. What is proportional to the graph, dense tables, is bounded: a call that
// comes when all of them are in use gets hashed ones, which make the same batch. Thread-safe.
class ScratchPool {
 public:
  // At most `max_dense` scratches with dense tables exist at a time.
  explicit ScratchPool(int max_dense);
  ~ScratchPool();

  // Takes effect at once for those that are idle, for others when they are returned.
  void SetMaxDense(int max_dense);

  // For one call of `sampler`, or of one that needs none (null). All samplers are of one graph.
  std::unique_ptr<SeedScratch> Take(const NeighborSampler* sampler);
  void Return(std::unique_ptr<SeedScratch> scratch);

  // How many have dense tables.
  int num_dense() const;

 private:
  using Scratches = std::vector<std::unique_ptr<SeedScratch>>;

  mutable Mutex mu_;
  int max_dense_ ABSL_GUARDED_BY(mu_);
  int num_dense_ ABSL_GUARDED_BY(mu_) = 0;  // idle or in use
  Scratches dense_ ABSL_GUARDED_BY(mu_);    // idle
  Scratches hashed_ ABSL_GUARDED_BY(mu_);   // idle
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SCRATCH_POOL_H_
