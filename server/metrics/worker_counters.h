#ifndef GRAPHFEED_SERVER_METRICS_WORKER_COUNTERS_H_
#define GRAPHFEED_SERVER_METRICS_WORKER_COUNTERS_H_

#include <memory>

#include "proto/frame/worker_report.h"

namespace prometheus {
class Registry;
}

namespace graphfeed {

// What all workers have done together, in Prometheus' terms. Labels have few values, which are
// known beforehand: workers, jobs, models and datasets are none, and a word that is not known is
// "other". Thread-safe.
class WorkerCounters {
 public:
  explicit WorkerCounters(prometheus::Registry& registry);
  ~WorkerCounters();

  // Adds the counters of `difference`.
  void Add(const WorkerReport& difference);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_METRICS_WORKER_COUNTERS_H_
