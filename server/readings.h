#ifndef GRAPHFEED_SERVER_READINGS_H_
#define GRAPHFEED_SERVER_READINGS_H_

#include <cstdint>
#include <vector>

#include "server/config.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call.h"
#include "server/rpc/handlers.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/task_queue.h"
#include "server/serving/waiting_room.h"
#include "server/serving/worker_registry.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"

namespace graphfeed {

// The parts of a server that are looked at for each scrape.
struct ReadingSources {
  const ServerConfig& config;
  const Catalog& catalog;
  const WriteRules& rules;
  const Admission& slabs;
  const WaitingRoom& room;
  const BatchMaker& maker;
  const Calls& calls;
  const Handlers& handlers;
  WorkerRegistry& workers;       // forgets those that are gone
  const ThreadPool* build_pool;  // null once the server has shut down, as the next one
  const ThreadPool* planning_pool;
  int build_threads = 0;
};

// The share of --memory-budget that the index of --cache-dir may take; 0: there is none.
int64_t DiskCacheIndexBytes(const ServerConfig& config);

// What they hold and have counted (docs/operations.md lists the families), and the process's own.
std::vector<Metrics::Reading> ReadAll(const ReadingSources& sources);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_READINGS_H_
