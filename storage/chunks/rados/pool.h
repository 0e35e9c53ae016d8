#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_POOL_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_POOL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/base/stop_flag.h"
#include "storage/chunks/rados/librados.h"
#include "storage/chunks/rados/location.h"

namespace graphfeed {

// A connection to a pool and namespace, and whether anyone answers there.
//
// A daemon that has gone is a pause: librados sends what it was asked again to who has taken over,
// for at most rados_osd_op_timeout. The cluster is lost when neither the monitors nor the object
// that is looked at every second have answered for kLostAfter; until one does again, everything
// fails at once. Thread-safe.
class RadosPool {
 public:
  static constexpr std::chrono::seconds kLostAfter{10};
  // Unless the configuration file says otherwise; the first two are never without one.
  static constexpr int kOperationSeconds = 60;
  static constexpr int kMonitorSeconds = 5;
  static constexpr int kConnectSeconds = 30;  // at most

  // NOT_FOUND: no such pool or file; PERMISSION_DENIED: the user is unknown, or has no key here;
  // UNAVAILABLE: no monitor answers; FAILED_PRECONDITION: no librados. Looks at `object`.
  static absl::StatusOr<std::unique_ptr<RadosPool>> Connect(const RadosLocation& location,
                                                            std::string object);
  ~RadosPool();
  RadosPool(const RadosPool&) = delete;
  RadosPool& operator=(const RadosPool&) = delete;

  const Librados& api() const { return api_; }
  rados_ioctx_t io() const { return io_; }
  const RadosLocation& location() const { return location_; }
  // Of this connection, as notices name their sender.
  uint64_t client_id() const { return api_.rados_get_instance_id(cluster_); }

  bool lost() const { return lost_; }
  // Whether anyone has answered within the last seconds.
  bool answers() const { return Clock::now() - answered_.load() < kAnswersWithin; }
  // UNAVAILABLE while the cluster is lost.
  absl::Status Reachable() const;
  // Set once this client was shut out of the cluster: it must connect anew.
  bool shut_out() const { return shut_out_; }

  // What librados has answered (-errno, or 0 and more: OK), told of `object`.
  absl::Status ToStatus(int result, absl::string_view object) const;

  // Of the whole cluster, as it last said; nullopt where that is not known.
  std::optional<int64_t> free_bytes() const;
  std::optional<int64_t> total_bytes() const;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kAnswersWithin{2};

  RadosPool(const Librados& api, const RadosLocation& location, std::string object);
  absl::Status Open();
  absl::Status Configure();
  void Watch();
  // Starts looking at the object unless that is still being waited for.
  void Look();
  void Answered();
  bool Silent() const { return Clock::now() - answered_.load() >= kLostAfter; }

  const Librados& api_;
  const RadosLocation location_;
  const std::string object_;
  rados_t cluster_ = nullptr;
  rados_ioctx_t io_ = nullptr;

  std::atomic<Clock::time_point> answered_{Clock::now()};
  std::atomic<bool> lost_{false};
  mutable std::atomic<bool> shut_out_{false};
  std::atomic<int64_t> free_bytes_{0};
  std::atomic<int64_t> total_bytes_{0};
  rados_completion_t look_ = nullptr;  // the watch's own
  uint64_t looked_bytes_ = 0;          // written by librados
  time_t looked_time_ = 0;
  std::atomic<bool> looking_{false};
  StopFlag stop_;
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_POOL_H_
