#ifndef GRAPHFEED_SERVER_METRICS_METRICS_H_
#define GRAPHFEED_SERVER_METRICS_METRICS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/exposition/http_endpoint.h"
#include "proto/frame/strategy.h"
#include "proto/frame/worker_report.h"
#include "server/metrics/usage_counters.h"

namespace graphfeed {

// What the server counts, in Prometheus' terms (docs/operations.md lists the families). Labels
// have few values: methods, codes, strategies. Thread-safe; counting takes no lock.
class Metrics {
 public:
  // A family whose values are read when somebody asks.
  struct Reading {
    std::string name;
    std::string help;
    bool counter = false;  // else a gauge
    std::string label;     // of all values; empty: one value without a label
    std::vector<std::pair<std::string, double>> values;  // by the label's value
  };

  // A method of the service.
  struct Method {
    std::string name;
    bool streams = false;  // takes as long as its stream does: timed apart from the others
  };

  struct Options {
    std::vector<Method> methods;  // those that are counted: each has all its series from the start
    std::string version;          // of graphfeed
    int storage_format = 0;
  };

  // What a stream's time went into, beside what it did for others: it had a frame ready and waited
  // for the client to take the one before it; it had none to send; or one was on its way while the
  // next was being built.
  enum class StreamTime : uint8_t { kForClient, kForBuild, kOverlap };

  // Why a caller was refused: it showed nothing of itself, or a token or certificate that nobody
  // has; or is known, but has no role, or no grant for the dataset.
  enum class AuthFailure : uint8_t { kMissing, kToken, kCertificate, kRole, kDataset };

  // What one frame holds, over its micro-batches and all types.
  struct FrameCounts {
    int64_t batches = 0;
    int64_t graphs = 0;
    int64_t bytes = 0;
    int64_t real_nodes = 0;
    int64_t padding_nodes = 0;
    int64_t real_edges = 0;
    int64_t padding_edges = 0;
    int64_t trimmed_nodes = 0;
    int64_t trimmed_edges = 0;
    bool padded = false;  // to fixed sizes, so that it can be more or less full
  };

  Metrics() : Metrics(Options()) {}
  explicit Metrics(const Options& options);
  ~Metrics();

  void RpcDone(absl::string_view method, absl::StatusCode code, std::chrono::nanoseconds time);
  // Bytes of a method's messages, as gRPC passes them on.
  void BytesSent(absl::string_view method, int64_t bytes);
  void BytesReceived(absl::string_view method, int64_t bytes);
  // From a stream's call to the end of the write of its first frame.
  void FirstFrameSent(std::chrono::nanoseconds time);
  void StreamsOpen(int delta);
  // `opened`: it was not refused.
  void StreamEnded(const absl::Status& status, bool opened);
  void IngestsOpen(int delta);
  void FrameBuilt(Strategy strategy, std::chrono::nanoseconds time);
  void FrameSent(Strategy strategy, const FrameCounts& counts);
  void GraphsSkipped(int64_t count);
  void PlanMade(std::chrono::nanoseconds time);
  void EstimateMade(std::chrono::nanoseconds time);
  void StreamSpent(StreamTime on, std::chrono::nanoseconds time);
  void AuthFailed(AuthFailure reason);
  // What callers and datasets take.
  UsageCounters& tenants();
  UsageCounters& datasets();
  // What a worker's report adds to the one before it.
  void WorkerAdvanced(const WorkerReport& difference);

  // `read` is called for each Text, and for each scrape until StopListening. Before Listen.
  void AddReadings(std::function<std::vector<Reading>()> read);

  // Serves /metrics, and `others`, on "host:port" (HttpEndpoint); port 0 picks one. Returns the
  // port. `others` are called until StopListening.
  absl::StatusOr<int> Listen(const std::string& address, HttpEndpoint::Pages others = {});
  // Ends the endpoint, if there is one, after the scrapes that it is answering.
  void StopListening();

  // What a scrape answers.
  std::string Text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_METRICS_METRICS_H_
