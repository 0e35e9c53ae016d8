#ifndef GRAPHFEED_SERVER_SERVING_SAMPLER_MEMORY_H_
#define GRAPHFEED_SERVER_SERVING_SAMPLER_MEMORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/sampling/scratch_pool.h"
#include "server/serving/admission.h"
#include "storage/base/mutex.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// The working memory of all samplers of one dataset. Its dense tables, 8 bytes a node, are charged
// to `admission` once, however many streams use them. Thread-safe.
class SamplerMemory : public std::enable_shared_from_this<SamplerMemory> {
 public:
  SamplerMemory(Admission& admission, int64_t table_bytes, int max_tables);

  ScratchPool& scratch() { return scratch_; }

  // Tables may exist as long as somebody holds what this returns: as many as fit, each if as much
  // as it takes stays free beside it, but at most `max_tables`. There may be none, so this never
  // fails: sampling goes on without.
  std::shared_ptr<const void> Hold();

  int64_t charged_bytes() const;

 private:
  class Holder;
  void Release();

  Admission& admission_;
  const int64_t table_bytes_;
  const size_t max_tables_;
  ScratchPool scratch_;
  mutable Mutex mu_;
  int64_t num_holders_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::shared_ptr<Admission::Place>> tables_ ABSL_GUARDED_BY(mu_);
};

// The SamplerMemory of each dataset that somebody samples from. Thread-safe.
class SamplerMemories {
 public:
  // `max_tables`: how many threads sample at a time.
  SamplerMemories(Admission& admission, int max_tables)
      : admission_(admission), max_tables_(max_tables) {}

  std::shared_ptr<SamplerMemory> Of(const DatasetInfo& dataset);

  // Of all that are in use.
  int64_t charged_bytes() const;

 private:
  Admission& admission_;
  const int max_tables_;
  mutable Mutex mu_;
  std::map<Fingerprint, std::weak_ptr<SamplerMemory>> memories_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_SAMPLER_MEMORY_H_
