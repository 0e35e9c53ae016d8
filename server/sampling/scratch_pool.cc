#include "server/sampling/scratch_pool.h"

#include <utility>

#include "server/sampling/seed_scratch.h"

namespace graphfeed {

ScratchPool::ScratchPool(int max_dense) : max_dense_(max_dense) {}
ScratchPool::~ScratchPool() = default;

void ScratchPool::SetMaxDense(int max_dense) {
  Scratches gone;  // destroyed when the mutex is free again
  MutexLock lock(&mu_);
  max_dense_ = max_dense;
  while (num_dense_ > max_dense_ && !dense_.empty()) {
    gone.push_back(std::move(dense_.back()));
    dense_.pop_back();
    --num_dense_;
  }
}

std::unique_ptr<SeedScratch> ScratchPool::Take(const NeighborSampler* sampler) {
  std::unique_ptr<SeedScratch> scratch;
  bool dense = sampler != nullptr && sampler->dense();
  {
    MutexLock lock(&mu_);
    if (dense && dense_.empty()) {
      dense = num_dense_ < max_dense_;
      if (dense) ++num_dense_;
    }
    Scratches& idle = dense ? dense_ : hashed_;
    if (!idle.empty()) {
      scratch = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (scratch == nullptr) scratch = std::make_unique<SeedScratch>();
  scratch->dense = dense;
  if (sampler != nullptr && scratch->sampler == nullptr) {
    scratch->sampler = sampler->NewScratch(dense);
  }
  return scratch;
}

void ScratchPool::Return(std::unique_ptr<SeedScratch> scratch) {
  std::unique_ptr<SeedScratch> gone;  // destroyed when the mutex is free again
  MutexLock lock(&mu_);
  if (scratch->dense && num_dense_ > max_dense_) {
    --num_dense_;
    gone = std::move(scratch);
  } else {
    (scratch->dense ? dense_ : hashed_).push_back(std::move(scratch));
  }
}

int ScratchPool::num_dense() const {
  MutexLock lock(&mu_);
  return num_dense_;
}

}  // namespace graphfeed
