#ifndef GRAPHFEED_SERVER_SERVING_SIZE_ESTIMATE_CACHE_H_
#define GRAPHFEED_SERVER_SERVING_SIZE_ESTIMATE_CACHE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "proto/frame/batch_spec.h"
#include "server/serving/once_cache.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// What sizes taken from sampled batches depend on.
struct SizeEstimateKey {
  Fingerprint fingerprint{};
  Fingerprint spec_digest{};
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t num_samples = 0;
  double quantile = 1;

  static constexpr size_t kMaxEntries = 256;
  static constexpr bool kKeepUnused = true;
  std::string what() const { return "memory of estimates: one"; }

  // As for plans (plan_cache.h).
  friend auto operator<=>(const SizeEstimateKey&,
                          const SizeEstimateKey&) = default;  // NOLINT(modernize-use-nullptr)
};

struct CachedSizeEstimate {
  SizeEstimate estimate;

  // A few numbers by type.
  int64_t memory_bytes() const { return static_cast<int64_t>(sizeof(*this)); }
};

// Estimates take as long as hundreds of batches, and every stream and every question about a spec
// without options asks for the same one.
using SizeEstimateCache = OnceCache<SizeEstimateKey, CachedSizeEstimate>;

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_SIZE_ESTIMATE_CACHE_H_
