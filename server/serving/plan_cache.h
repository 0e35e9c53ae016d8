#ifndef GRAPHFEED_SERVER_SERVING_PLAN_CACHE_H_
#define GRAPHFEED_SERVER_SERVING_PLAN_CACHE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/batching/plan.h"
#include "server/serving/once_cache.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// What a plan depends on.
struct PlanKey {
  Fingerprint fingerprint{};
  Fingerprint spec_digest{};
  uint64_t seed = 0;
  int64_t epoch = 0;

  static constexpr size_t kMaxEntries = 64;
  static constexpr bool kKeepUnused = true;
  std::string what() const { return absl::StrCat("plan memory: epoch ", epoch, "'s plan"); }

  // clang-tidy takes the 0 of the generated comparison for a pointer.
  friend auto operator<=>(const PlanKey&,
                          const PlanKey&) = default;  // NOLINT(modernize-use-nullptr)
};

using PlanCache = OnceCache<PlanKey, EpochPlan>;

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_PLAN_CACHE_H_
