#ifndef GRAPHFEED_CLIENT_WORKER_CONFIG_H_
#define GRAPHFEED_CLIENT_WORKER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/flags/server_flags.h"
#include "client/worker/popef_executor.h"
#include "client/worker/torchscript_executor.h"
#include "client/worker/worker.h"

namespace graphfeed {

enum class ExecutorKind : uint8_t { kTorchscript, kPopef };

// What `graphfeed-worker` was asked for.
struct WorkerConfig {
  ServerFlags server;
  ExecutorKind executor = ExecutorKind::kTorchscript;
  TorchscriptOptions torchscript;
  PopefOptions popef;
  WorkerOptions worker;
  std::string model;                                  // the file
  std::string name;                                   // of the worker, for reports
  std::string job;                                    // likewise
  std::string metrics_listen;                         // empty: nobody listens
  absl::Duration report_interval = absl::Seconds(5);  // 0: nothing is reported
  std::string loss_log;                               // a CSV file; empty: none
  std::string loss_plot;                              // an SVG file; empty: none
  bool json = false;
};

struct WorkerCommandLine {
  WorkerConfig config;
  std::string print;  // --help, --version: print it and leave
};

// INVALID_ARGUMENT names the flag; also for what the spec's file says that no spec can.
absl::StatusOr<WorkerCommandLine> ParseWorkerFlags(int argc, const char* const* argv);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_CONFIG_H_
