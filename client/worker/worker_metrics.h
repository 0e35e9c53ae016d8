#ifndef GRAPHFEED_CLIENT_WORKER_WORKER_METRICS_H_
#define GRAPHFEED_CLIENT_WORKER_WORKER_METRICS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/worker/totals.h"
#include "proto/frame/layout.h"
#include "proto/frame/named_enum.h"
#include "proto/frame/stream_info.h"
#include "proto/frame/worker_report.h"

namespace graphfeed {

// What a batch goes through in a worker.
enum class WorkerStage : uint8_t { kReceive, kStage, kExecute, kReport };

template <>
struct EnumTable<WorkerStage> {
  static constexpr EnumEntry<WorkerStage> kEntries[] = {{WorkerStage::kReceive, "receive"},
                                                        {WorkerStage::kStage, "stage"},
                                                        {WorkerStage::kExecute, "execute"},
                                                        {WorkerStage::kReport, "report"}};
};

// What a worker counts, as Prometheus reads it (docs/workers.md lists the families) and as it is
// reported to servers. Counters run from the start of the process. Thread-safe.
class WorkerMetrics {
 public:
  // Of `identity` what does not change: who the worker is, what it runs and on what.
  WorkerMetrics(const WorkerReport& identity, absl::string_view version);
  ~WorkerMetrics();

  // "name@version", once a server has told which.
  void SetDataset(const std::string& dataset);
  // Where a run that goes on begins.
  void SetPosition(const Position& position);
  // A step that succeeded: what the frame held, how long it took and where the run stands then.
  void StepDone(const Layout& layout, const FrameInfo& frame, double seconds,
                std::optional<double> loss, const Position& position);
  // Time that a stage worked, not waited.
  void StageDone(WorkerStage stage, double seconds);
  // The executor waited for a batch, or a staged batch for the executor.
  void Stalled(bool for_data, double seconds);
  void DeviceError(absl::string_view error_class);
  // Batches that were staged or run in vain and will be asked for again.
  void BatchesHandedBack(int64_t count);
  void CheckpointSaved();

  // Whether a step has succeeded, and since then no error has taken the model away.
  bool ready() const;
  void LoseReadiness();
  std::string Text() const;
  // Without a number.
  WorkerReport Report() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_WORKER_METRICS_H_
