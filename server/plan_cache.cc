#include "server/plan_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace graphfeed {

struct PlanCache::Charged {
  Charged(std::shared_ptr<const EpochPlan> the_plan, int64_t plan_bytes,
          std::shared_ptr<std::atomic<int64_t>> total_bytes)
      : plan(std::move(the_plan)), bytes(plan_bytes), total(std::move(total_bytes)) {
    *total += bytes;
  }
  ~Charged() { *total -= bytes; }
  Charged(const Charged&) = delete;
  Charged& operator=(const Charged&) = delete;

  const std::shared_ptr<const EpochPlan> plan;  // shared with nobody else
  const int64_t bytes;
  const std::shared_ptr<std::atomic<int64_t>> total;  // shared with the cache
};

PlanCache::PlanCache(int64_t capacity_bytes)
    : capacity_bytes_(capacity_bytes), total_bytes_(std::make_shared<std::atomic<int64_t>>(0)) {}

absl::StatusOr<std::shared_ptr<const EpochPlan>> PlanCache::Get(
    const PlanKey& key,
    absl::FunctionRef<absl::StatusOr<std::shared_ptr<const EpochPlan>>()> make) {
  auto handle = [](const std::shared_ptr<Charged>& charged) {
    return std::shared_ptr<const EpochPlan>(charged, charged->plan.get());
  };
  std::shared_ptr<Entry> entry;
  {
    MutexLock lock(&mu_);
    auto [it, inserted] = entries_.try_emplace(key);
    if (inserted) it->second = std::make_shared<Entry>();
    entry = it->second;
    entry->last_used = ++clock_;
    if (!inserted) {
      while (!entry->made) made_.Wait(&mu_);
      if (!entry->status.ok()) return entry->status;
      return handle(entry->charged);
    }
  }

  absl::StatusOr<std::shared_ptr<const EpochPlan>> made = make();

  Trash trash;
  MutexLock lock(&mu_);
  entry->made = true;
  made_.SignalAll();
  if (made.ok()) {
    const int64_t bytes = (*made)->memory_bytes();
    const int64_t free_bytes = Evict(bytes, trash);
    if (bytes > free_bytes) {
      made = absl::ResourceExhaustedError(
          absl::StrCat("plan memory: epoch ", key.epoch, "'s plan needs ", bytes, " bytes; ",
                       free_bytes, " of ", capacity_bytes_, " are free"));
    } else {
      entry->charged = std::make_shared<Charged>(*std::move(made), bytes, total_bytes_);
      return handle(entry->charged);
    }
  }
  entry->status = made.status();
  // Unless Forget has made room for another one meanwhile.
  if (auto it = entries_.find(key); it != entries_.end() && it->second == entry) {
    entries_.erase(it);
  }
  return entry->status;
}

int64_t PlanCache::Evict(int64_t bytes, Trash& trash) {
  int64_t free_bytes = capacity_bytes_ - *total_bytes_;
  while (bytes > free_bytes || entries_.size() > kMaxPlans) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const Entry& entry = *it->second;
      // New users come through this mutex only, so a plan that has none now gets none.
      const bool idle = entry.charged != nullptr && entry.charged.use_count() == 1;
      if (idle && (oldest == entries_.end() || entry.last_used < oldest->second->last_used)) {
        oldest = it;
      }
    }
    if (oldest == entries_.end()) break;
    free_bytes += oldest->second->charged->bytes;
    trash.push_back(std::move(oldest->second));
    entries_.erase(oldest);
  }
  return free_bytes;
}

void PlanCache::Forget(const Fingerprint& fingerprint) {
  Trash trash;
  MutexLock lock(&mu_);
  auto it = entries_.lower_bound(PlanKey{.fingerprint = fingerprint});
  while (it != entries_.end() && it->first.fingerprint == fingerprint) {
    trash.push_back(std::move(it->second));
    it = entries_.erase(it);
  }
}

}  // namespace graphfeed
