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
#include "proto/frame/strategy.h"
#include "proto/frame/worker_report.h"

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
  };

  Metrics();
  ~Metrics();

  void RpcDone(absl::string_view method, absl::StatusCode code, std::chrono::nanoseconds time);
  void StreamsOpen(int delta);
  void IngestsOpen(int delta);
  void FrameBuilt(Strategy strategy, std::chrono::nanoseconds time);
  void FrameSent(Strategy strategy, const FrameCounts& counts);
  void GraphsSkipped(int64_t count);
  void PlanMade(std::chrono::nanoseconds time);
  void EstimateMade(std::chrono::nanoseconds time);
  void StreamWaited(bool for_client, std::chrono::nanoseconds time);
  // What a worker's report adds to the one before it.
  void WorkerAdvanced(const WorkerReport& difference);

  // `read` is called for each Text, and for each scrape until StopListening. Before Listen.
  void AddReadings(std::function<std::vector<Reading>()> read);

  // Serves /metrics on "host:port" (HttpEndpoint); port 0 picks one. Returns the port.
  absl::StatusOr<int> Listen(const std::string& address);
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
