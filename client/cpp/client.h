#ifndef GRAPHFEED_CLIENT_CPP_CLIENT_H_
#define GRAPHFEED_CLIENT_CPP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cpp/batch.h"
#include "client/cpp/security.h"
#include "client/cpp/stream.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/layout.h"
#include "proto/frame/server_info.h"
#include "proto/frame/size_choice.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "proto/frame/worker_report.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/graph_sink.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

struct ClientOptions {
  // "host:port" each; a name that resolves to several addresses is as many servers. Any of them may
  // be asked: they are replicas.
  std::vector<std::string> endpoints = {};
  // Largest frame this client takes; the channel is made for it and requests carry it.
  int64_t max_frame_bytes = int64_t{256} << 20;
  // Deadline of calls that answer once. Streams have none.
  absl::Duration timeout = absl::Seconds(60);
  // Asked about ten times a second by every thread that waits in this client, on that thread; true
  // gives the wait up with CANCELLED. A stream goes on, other calls are cancelled.
  std::function<bool()> interrupted = nullptr;
  // How frames travel; what arrives is the same. kCompact saves the padding's share of the bytes.
  Encoding encoding = Encoding::kDense;
  // How long streams and calls look for a server that answers, once one has, without any progress.
  // 0: each server is tried once. Errors that another attempt cannot cure are told at once.
  absl::Duration retry_timeout = absl::Seconds(60);
  // Of one attempt at one address, until the server has greeted. 0: 20 s for a single endpoint,
  // which may be busy; 5 s where there are others to try.
  absl::Duration connect_timeout = absl::ZeroDuration();
  // A connection that has been silent for `keepalive_time` is pinged, and given up when the answer
  // takes longer than `keepalive_timeout`. Servers accept pings once a second.
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // Whether the proxies that the environment names (grpc_proxy, https_proxy, http_proxy, but not
  // for hosts in no_grpc_proxy or no_proxy, by name or address) are used.
  bool use_proxy = true;
  // TLS, certificates, a token. Servers at Unix sockets are reached without TLS.
  ClientSecurity security = {};
  // Where streams begin and go on: at the replica that has least to do, by what the servers say,
  // and else where their shard and what the shards of a run have in common put them; or (false) at
  // the endpoints in their order, shard i at the i-th.
  bool spread = true;
  // How long servers are asked for that, all at once: who has not answered by then is passed over.
  absl::Duration load_timeout = absl::Milliseconds(500);
  // Whether frames of a server on this host come in memory that both share, where the endpoint is a
  // Unix socket and the server does that too. A batch then keeps its place in that memory.
  bool shared_memory = true;
  // Told once for each time that a stream goes on at another call; and when no server answers, at
  // once and then every 10 s, that it is tried again. On a thread of the client or of a call.
  // Empty: a line on standard error.
  std::function<void(const std::string& what)> on_failover = nullptr;
};

struct GetBatchResult {
  StreamInfo info;
  Batch batch;
  std::vector<std::pair<std::string, std::vector<std::string>>> strings;  // by column
};

struct PlanDescription {
  PlanSummary plan;
  BatchSpec resolved_spec;
  Layout layout;
  std::vector<int64_t> graphs_per_batch;  // entry i: batches with i real graphs
  Fingerprint fingerprint{};
  Fingerprint spec_digest{};
};

// Which sampled batches sizes are taken from.
struct SizeEstimateRequest {
  std::string dataset;  // "name" or "name@version"
  BatchSpec spec;       // kNeighbor or kCluster; its options do not matter
  uint64_t seed = 0;
  int64_t epoch = 0;
  double quantile = 1;       // the share of batches that no size may cut, by type; in (0, 1]
  int64_t sample_limit = 0;  // batches, in as many epochs as that needs; 0: 1000
};

struct SnapshotInfo {
  std::string folder;                 // on the server
  std::vector<DatasetInfo> datasets;  // what it holds, as far as one answer has room
  bool more = false;                  // it holds more
};

// A client of one server or its replicas. Thread-safe. Errors carry the server's code and message.
class Client {
 public:
  // Does not connect yet: the first call does.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const ClientOptions& options);
  virtual ~Client() = default;

  virtual absl::StatusOr<std::vector<DatasetInfo>> ListDatasets() = 0;
  virtual absl::StatusOr<DatasetInfo> GetDataset(const std::string& dataset) = 0;
  virtual absl::Status DeleteVersion(const std::string& name, int64_t version) = 0;
  virtual absl::StatusOr<FixedSizeOptions> EstimateSizes(const std::string& dataset,
                                                         int64_t batch_size,
                                                         const Selection& selection,
                                                         int64_t sample_limit) = 0;
  // Makes the batches to measure them. As long as that takes: without a deadline.
  virtual absl::StatusOr<SizeEstimate> EstimateSizes(const SizeEstimateRequest& estimate) = 0;
  // The sizes within a target that waste least (nodes, edges and bytes alike) for `spec`: a
  // strategy that pads whole graphs, whose options do not matter.
  virtual absl::StatusOr<SizeChoice> ChooseSizes(const std::string& dataset, const BatchSpec& spec,
                                                 const SizeTarget& target) = 0;
  // Splits the nodes of a homogeneous single graph into clusters and publishes a version that has
  // their numbers as one more node column, `column`. As long as that takes: without a deadline. An
  // interruption ends it at the server too, and nothing is published.
  virtual absl::StatusOr<DatasetInfo> Partition(const std::string& dataset, int64_t num_parts,
                                                uint64_t seed,
                                                const std::string& column = "partition") = 0;
  // Of the epoch `options.start_epoch`.
  virtual absl::StatusOr<PlanDescription> DescribePlan(const StreamOptions& options) = 0;
  virtual absl::StatusOr<GetBatchResult> GetBatch(const StreamOptions& options, int64_t epoch,
                                                  int64_t ordinal) = 0;
  virtual absl::StatusOr<std::unique_ptr<BatchStream>> StreamBatches(
      const StreamOptions& options) = 0;
  // Large blocks go as messages of up to 4 MiB, split at graphs (collections) or at rows (single
  // graphs); a graph or row of more than 60 MiB is INVALID_ARGUMENT. Errors of the sink are the
  // server's reasons where the server refused.
  virtual absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) = 0;
  // A version as what an Ingest elsewhere makes a copy of: the same number and fingerprint. Not
  // resumed when the server fails. May outlive the client.
  virtual absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) = 0;
  // A copy of all that the server holds at one moment, in the new folder `name` below its
  // --snapshot-dir. ALREADY_EXISTS when there is one of this name.
  virtual absl::StatusOr<SnapshotInfo> CreateSnapshot(const std::string& name) = 0;
  // Tells a server how far a worker has come. Tried until the next report is due
  // (WorkerReport::interval_ms, at least 1 s) or the client's timeout has passed, at any replica:
  // what does not arrive is in the next report. INVALID_ARGUMENT names what of it is out of range.
  virtual absl::Status ReportWorker(const WorkerReport& report) = 0;
  // The workers that have reported lately to any of the replicas that answer, by name; of several
  // replicas' the newest report.
  virtual absl::StatusOr<std::vector<WorkerStatus>> ListWorkers() = 0;
  // Of the server, or of one of the replicas.
  virtual absl::StatusOr<ServerInfo> GetServerInfo() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_CLIENT_H_
