#ifndef GRAPHFEED_SERVER_CORE_H_
#define GRAPHFEED_SERVER_CORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/access/access_control.h"
#include "server/config.h"
#include "server/logging/event_log.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call.h"
#include "server/rpc/handlers.h"
#include "server/rpc/stream_context.h"
#include "server/rpc/transfer_context.h"
#include "server/rpc/unary_methods.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/task_queue.h"
#include "server/serving/timer.h"
#include "server/serving/waiting_room.h"
#include "server/serving/worker_registry.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// Calls beside streams, ingests and exports.
inline constexpr int64_t kOtherCalls = 1000;

// A server without a wire: the store, pools, and what calls are answered by. What brings the calls
// stands above it and must be gone before StopPools. Members in the order in which they depend on
// each other; destroyed in reverse.
class ServerCore {
 public:
  // Opens the store in `config.data_dir`. `filter` as for Server::Start. `gate` is passed by every
  // task of the pools; may be null, as `log`, which must outlive the core. Errors as OpenStore and
  // Catalog::Open.
  static absl::StatusOr<std::unique_ptr<ServerCore>> Open(const ServerConfig& config,
                                                          const ChunkStoreOptions& store,
                                                          StreamFilter filter = nullptr,
                                                          TaskGate* gate = nullptr,
                                                          EventLog* log = nullptr);
  ServerCore(const ServerCore&) = delete;
  ServerCore& operator=(const ServerCore&) = delete;

  // The pools by what the calls that answer once do there.
  ServicePools pools() {
    return {.build = *build_pool,
            .planning = *planning_pool,
            .ingest = *ingest_pool,
            .partition = *partition_pool,
            .here = inline_queue};
  }
  // The series of callers and datasets that are known are there before anybody calls.
  void NameSeries();
  // Another access file is in force.
  void AccessChanged();
  // Runs what is queued, then joins: no call may be left.
  void StopPools();
  // What is cached of versions that were deleted, here or by another server, must not keep them
  // open. To be called every second: streams that go on with such a version cache more.
  void ForgetDeleted();
  // From now on streams that are idle for too long are ended.
  void EndIdleStreams();

  const ServerConfig config;
  EventLog* const log;  // may be null
  const std::unique_ptr<Catalog> catalog;
  const bool read_only;
  AccessControl access;
  Metrics metrics;
  const WriteRules rules;
  Admission admission;
  Admission ingest_admission;
  Admission export_admission;
  BatchMaker maker;
  std::unique_ptr<ThreadPool> build_pool;
  std::unique_ptr<ThreadPool> planning_pool;  // posts to the build pool
  Tenants tenants;                            // with queues of the build pool
  Calls calls;
  std::unique_ptr<Timer> timer;
  WaitingRoom room;
  WorkerRegistry workers;
  Handlers handlers;
  std::unique_ptr<ThreadPool> ingest_pool;
  std::unique_ptr<ThreadPool> partition_pool;
  InlineQueue inline_queue;
  StreamContext streams;
  TransferContext ingests;
  TransferContext exports;

 private:
  ServerCore(ServerConfig server_config, std::unique_ptr<Catalog> open_catalog, bool is_read_only,
             StreamFilter filter, TaskGate* gate, EventLog* event_log);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_CORE_H_
