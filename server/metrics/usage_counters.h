#ifndef GRAPHFEED_SERVER_METRICS_USAGE_COUNTERS_H_
#define GRAPHFEED_SERVER_METRICS_USAGE_COUNTERS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace graphfeed {

// What each tenant takes, or what is taken of each dataset, in Prometheus' terms. Names come from
// outside: the first kMaxNames have series of their own for as long as the process lives, all that
// come after them are "other" together. Thread-safe.
class UsageCounters {
 public:
  static constexpr size_t kMaxNames = 100;

  // One name's. Lives as long as the counters; counting takes no lock and allocates nothing.
  class Entry {
   public:
    // `refused`: for want of a right or of room.
    void CallDone(bool refused);
    void Sent(int64_t bytes);
    void Received(int64_t bytes);
    void FrameSent();
    void StreamsOpen(int delta);

   private:
    friend class UsageCounters;
    prometheus::Counter* calls_ = nullptr;
    prometheus::Counter* refused_calls_ = nullptr;
    prometheus::Counter* sent_bytes_ = nullptr;
    prometheus::Counter* received_bytes_ = nullptr;
    prometheus::Counter* frames_ = nullptr;
    prometheus::Gauge* open_streams_ = nullptr;
  };

  // Families "graphfeed_LABEL_..." with the label `label`: "tenant", "dataset".
  UsageCounters(prometheus::Registry& registry, const std::string& label);
  ~UsageCounters();

  // Makes the series, if there are none yet.
  Entry& Of(absl::string_view name);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_METRICS_USAGE_COUNTERS_H_
