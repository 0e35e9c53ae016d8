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
#include "proto/frame/batch_spec.h"
#include "proto/frame/layout.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
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
  // Told once for each time that a stream goes on at another call, on a thread of the client.
  // Empty: a line on standard error.
  std::function<void(const std::string& what)> on_failover = nullptr;
};

// A typed view of one tensor of a batch; valid while the batch (or a copy of it) is.
struct TensorView {
  std::byte* data = nullptr;
  DType dtype = DType::kFloat32;
  absl::Span<const int64_t> shape;
};

// One frame: a slab and how to read it. Copies share the slab, which is reused only when the last
// copy is gone.
class Batch {
 public:
  const Layout& layout() const { return *layout_; }
  const std::shared_ptr<const Layout>& shared_layout() const { return layout_; }
  const FrameInfo& info() const { return info_; }
  // Places of this frame's tensors, by tensor of the layout.
  const Placement& placement() const { return *placement_; }
  // nullopt when there is no such tensor. `store` is "" in homogeneous batches.
  std::optional<TensorView> Find(absl::string_view store, absl::string_view name) const;
  TensorView tensor(size_t index) const;
  std::byte* data() const { return slab_.data(); }

  Batch(std::shared_ptr<const Layout> layout, std::shared_ptr<const Placement> placement,
        FrameInfo info, Slab slab);
  Batch(const Batch& other);
  Batch& operator=(const Batch& other);
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;

 private:
  std::shared_ptr<const Layout> layout_;        // shared by all batches of a stream
  std::shared_ptr<const Placement> placement_;  // shared by all batches unless ragged
  FrameInfo info_;
  Slab slab_;
};

struct StreamOptions {
  std::string dataset;                     // "name" or "name@version"
  std::optional<Fingerprint> fingerprint;  // refuse any other content
  BatchSpecRequest spec;
  uint64_t seed = 0;
  int64_t start_epoch = 0;
  int64_t start_ordinal = 0;  // within start_epoch
  int64_t num_epochs = 1;     // 0: until cancelled
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  UnevenShards uneven_shards = UnevenShards::kNull;
  uint32_t prefetch = 0;       // frames in work at the server; 0: its default
  size_t client_prefetch = 2;  // frames received ahead of Next()
  bool verify_digests = true;  // DATA_LOSS on a frame whose bytes changed on the way
};

// Batches of a stream in order. A background thread receives ahead of Next() into recycled
// buffers and checks what it receives: DATA_LOSS for frames that contradict the layout, the plan,
// the order asked for or their digest. When a server fails, the stream goes on at the next frame
// with any that has the same content and makes the same of the spec (ClientOptions::retry_timeout).
// An error is final. Next, epoch and info are for one thread; Cancel is for any. Streams may
// outlive their client.
class BatchStream {
 public:
  virtual ~BatchStream() = default;  // cancels

  // Blocks until the server has answered; the same object afterwards.
  virtual absl::StatusOr<const StreamInfo*> info() = 0;
  // The next batch, nullopt at the end of the stream, or why it broke. Blocks.
  virtual absl::StatusOr<std::optional<Batch>> Next() = 0;
  // As Next, but gives up with DEADLINE_EXCEEDED after `timeout`; the stream goes on.
  virtual absl::StatusOr<std::optional<Batch>> NextFor(absl::Duration timeout) = 0;
  // The plan of the epoch of the batch last returned (before the first: of the first epoch).
  virtual absl::StatusOr<EpochInfo> epoch() = 0;
  virtual void Cancel() = 0;
};

struct GetBatchResult {
  StreamInfo info;
  Batch batch;
  std::vector<std::pair<std::string, std::vector<std::string>>> strings;  // by column
};

struct PlanDescription {
  PlanSummary plan;
  BatchSpecRequest resolved_spec;
  Layout layout;
  std::vector<int64_t> graphs_per_batch;  // entry i: batches with i real graphs
  Fingerprint fingerprint{};
  Fingerprint spec_digest{};
};

// Which sampled batches a budget is taken from.
struct SampledEstimate {
  std::string dataset;    // "name" or "name@version"
  BatchSpecRequest spec;  // kNeighbor or kCluster; its options do not matter
  uint64_t seed = 0;
  int64_t epoch = 0;
  double quantile = 1;       // the share of batches that no budget may cut, by type; in (0, 1]
  int64_t sample_limit = 0;  // batches, in as many epochs as that needs; 0: 1000
};

// A dataset on its way to the server. Not thread-safe; dropped without Commit it leaves nothing.
// May outlive its client.
class IngestStream {
 public:
  virtual ~IngestStream() = default;
  // Splits large blocks into messages of up to 4 MiB, at graphs (collections) or at rows (single
  // graphs); a graph or row of more than 60 MiB is INVALID_ARGUMENT. Blocks while the server is
  // behind. An error is final; it is the server's reason where the server refused.
  virtual absl::Status Append(GraphBlock block) = 0;
  virtual absl::StatusOr<DatasetInfo> Commit() = 0;
};

struct SnapshotInfo {
  std::string folder;  // on the server
  std::vector<DatasetInfo> datasets;
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
  virtual absl::StatusOr<FixedSizeOptionsRequest> EstimateOptions(const std::string& dataset,
                                                                  int64_t batch_size,
                                                                  const Selection& selection,
                                                                  int64_t sample_limit) = 0;
  // Makes the batches to measure them. As long as that takes: without a deadline.
  virtual absl::StatusOr<BudgetReport> EstimateOptions(const SampledEstimate& estimate) = 0;
  // Splits the nodes of a homogeneous single graph into clusters and publishes a version that has
  // their numbers as one more node column, `column`. As long as that takes: without a deadline. An
  // interruption ends the wait; the server goes on and publishes the version.
  virtual absl::StatusOr<DatasetInfo> Partition(const std::string& dataset, int64_t num_parts,
                                                uint64_t seed,
                                                const std::string& column = "partition") = 0;
  // Of the epoch `options.start_epoch`.
  virtual absl::StatusOr<PlanDescription> DescribePlan(const StreamOptions& options) = 0;
  virtual absl::StatusOr<GetBatchResult> GetBatch(const StreamOptions& options, int64_t epoch,
                                                  int64_t ordinal) = 0;
  virtual absl::StatusOr<std::unique_ptr<BatchStream>> StreamBatches(
      const StreamOptions& options) = 0;
  virtual absl::StatusOr<std::unique_ptr<IngestStream>> Ingest(const IngestSpec& spec) = 0;
  // A version as what an Ingest elsewhere makes a copy of: the same number and fingerprint. Not
  // resumed when the server fails. May outlive the client.
  virtual absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) = 0;
  // A copy of all that the server holds at one moment, in the new folder `name` below its
  // --snapshot-dir. ALREADY_EXISTS when there is one of this name.
  virtual absl::StatusOr<SnapshotInfo> CreateSnapshot(const std::string& name) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_CLIENT_H_
