#ifndef GRAPHFEED_SERVER_PLAN_CACHE_H_
#define GRAPHFEED_SERVER_PLAN_CACHE_H_

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/batching/plan.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/mutex.h"

namespace graphfeed {

// What a plan depends on.
struct PlanKey {
  Fingerprint fingerprint{};
  Fingerprint spec_digest{};
  uint64_t seed = 0;
  int64_t epoch = 0;

  // clang-tidy takes the 0 of the generated comparison for a pointer.
  friend auto operator<=>(const PlanKey&,
                          const PlanKey&) = default;  // NOLINT(modernize-use-nullptr)
};

// Plans that are in use, and those last used, as many as the memory allows and at most kMaxPlans.
// However many ask for a plan at once, it is made once. Thread-safe.
class PlanCache {
 public:
  static constexpr size_t kMaxPlans = 64;

  explicit PlanCache(int64_t capacity_bytes);

  // Returns the plan, calling `make` if there is none; waits if another thread is making it, and
  // shares its error. RESOURCE_EXHAUSTED when the plans in use leave no room for it.
  absl::StatusOr<std::shared_ptr<const EpochPlan>> Get(
      const PlanKey& key,
      absl::FunctionRef<absl::StatusOr<std::shared_ptr<const EpochPlan>>()> make);

  // Drops the unused plans of this dataset; those in use when they are released.
  void Forget(const Fingerprint& fingerprint);

  // Of all plans, in use or not.
  int64_t bytes() const { return *total_bytes_; }

 private:
  // A plan and the memory charged for it, as long as anybody uses it.
  struct Charged;
  struct Entry {
    bool made = false;
    absl::Status status;               // why there is none
    std::shared_ptr<Charged> charged;  // shared with the plan's users
    uint64_t last_used = 0;
  };
  using Trash = std::vector<std::shared_ptr<Entry>>;

  // Moves plans that nobody uses to `trash`, the oldest first, until `bytes` more bytes fit and
  // there are at most kMaxPlans. Whoever calls destroys them when the mutex is free again; returns
  // the bytes that are free then.
  int64_t Evict(int64_t bytes, Trash& trash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int64_t capacity_bytes_;
  // Of all plans that exist; shared with them, since they may outlive the cache.
  const std::shared_ptr<std::atomic<int64_t>> total_bytes_;
  mutable Mutex mu_;
  CondVar made_;
  std::map<PlanKey, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mu_);  // shared with waiters
  uint64_t clock_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_PLAN_CACHE_H_
