#ifndef GRAPHFEED_SERVER_SERVING_TENANTS_H_
#define GRAPHFEED_SERVER_SERVING_TENANTS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/access/principal.h"
#include "server/serving/admission.h"
#include "server/serving/task_queue.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// What the calls of one principal share: its part of the time of the threads that build and of
// those that plan, and what bounds it beside the limits of the server. Thread-safe.
class Tenant {
 public:
  // `build` and `planning` outlive the tenant.
  Tenant(std::string name, const Quota& quota, TaskQueue& build, TaskQueue& planning);

  const std::string& name() const { return name_; }
  Quota quota() const;
  // The access file says something else by now. What its calls have counts on: where that is more
  // than it may have now, nothing is added until enough of it has gone.
  void SetQuota(const Quota& quota);
  // Its streams get queues in these.
  TaskQueue& build_queue() { return *build_queue_; }
  TaskQueue& planning_queue() { return *planning_queue_; }
  // Its streams, and its ingests, by number.
  Admission& streams() { return streams_; }
  Admission& ingests() { return ingests_; }
  // The frames of its streams, within the server's memory for those; bounded by its quota.
  Admission& memory() { return memory_; }
  // Its calls that run, refused ones too.
  std::atomic<int64_t>& calls() { return calls_; }
  // Raw bytes that its calls are about to store (StoredQuota).
  std::atomic<int64_t>& coming_bytes() { return coming_bytes_; }
  // Counts a request. RESOURCE_EXHAUSTED with a retry delay if there were too many within the last
  // second; a second's worth may come at once.
  absl::Status CountRequest(std::chrono::steady_clock::time_point now);

 private:
  const std::string name_;
  const std::unique_ptr<TaskQueue> build_queue_;
  const std::unique_ptr<TaskQueue> planning_queue_;
  Admission streams_;
  Admission ingests_;
  Admission memory_;
  std::atomic<int64_t> calls_ = 0;
  std::atomic<int64_t> coming_bytes_ = 0;
  mutable Mutex mu_;
  Quota quota_ ABSL_GUARDED_BY(mu_);
  double allowed_ ABSL_GUARDED_BY(mu_) = 0;  // requests that may come now
  std::optional<std::chrono::steady_clock::time_point> counted_ ABSL_GUARDED_BY(mu_);
};

// The tenants by name. Thread-safe.
class Tenants {
 public:
  // Both outlive the tenants.
  Tenants(TaskQueue& build, TaskQueue& planning) : build_(build), planning_(planning) {}

  // That of the principal, from now on with its quota.
  std::shared_ptr<Tenant> Of(const Principal& principal);

 private:
  // Those that nobody uses are forgotten beyond so many.
  static constexpr size_t kKept = 1000;

  TaskQueue& build_;
  TaskQueue& planning_;
  Mutex mu_;
  std::map<std::string, std::shared_ptr<Tenant>> tenants_
      ABSL_GUARDED_BY(mu_);  // shared with calls
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_TENANTS_H_
