#include "client/worker/run_worker.h"

#include <atomic>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "client/worker/progress.h"
#include "client/worker/report_sender.h"
#include "client/worker/worker_metrics.h"
#include "proto/exposition/http_endpoint.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::StatusOr<std::unique_ptr<Executor>> NewExecutor(const WorkerConfig& config,
                                                      const std::atomic<bool>& interrupted) {
  switch (config.executor) {
    case ExecutorKind::kTorchscript:
      return NewTorchscriptExecutor(config.torchscript);
    case ExecutorKind::kPopef: {
      PopefOptions popef = config.popef;
      popef.cancelled = [&interrupted] { return interrupted.load(); };
      return NewPopefExecutor(popef);
    }
  }
  return absl::InternalError("no such executor");
}

// A TorchScript model has been checked before it was read; this is for all.
absl::Status CheckModel(const WorkerConfig& config, const ModelDescription& model) {
  const std::string& sha256 = config.torchscript.sha256;
  if (sha256.empty() || absl::EqualsIgnoreCase(sha256, model.sha256)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the model \"", config.model, "\" has SHA-256 ",
                                                    model.sha256, ", not ", sha256));
}

WorkerReport Identity(const WorkerConfig& config, const ModelDescription& model) {
  WorkerReport report;
  report.worker = config.name;
  report.job = config.job;
  report.dataset = config.worker.stream.dataset;
  report.model = config.model.substr(config.model.rfind('/') + 1);
  report.runtime = model.runtime;
  report.runtime_version = model.runtime_version;
  report.trains = model.trains;
  report.num_shards = config.worker.stream.num_shards;
  report.shard_index = config.worker.stream.shard_index;
  report.start_ms = absl::ToUnixMillis(absl::Now());
  return report;
}

// A worker may be started before its server. Streams wait only for one that has answered before.
absl::Status WaitForServer(const WorkerConfig& config, Client& client, Progress& progress) {
  const absl::Time deadline = absl::Now() + absl::Seconds(config.server.retry_timeout_seconds);
  bool told = false;
  while (true) {
    absl::Status status = client.GetDataset(config.worker.stream.dataset).status();
    if (!absl::IsUnavailable(status) || absl::Now() > deadline) return status;
    if (!told) progress.Warned(absl::StrCat("waiting for a server: ", status.message()));
    told = true;
    absl::SleepFor(absl::Milliseconds(200));
  }
}

HttpEndpoint::Pages Pages(const WorkerMetrics& metrics) {
  return {{"/metrics",
           [&metrics] {
             return HttpAnswer{200, metrics.Text()};
           }},
          {"/healthz",
           [] {
             return HttpAnswer{200, "alive\n"};
           }},
          {"/readyz", [&metrics] {
             return metrics.ready() ? HttpAnswer{200, "ready\n"}
                                    : HttpAnswer{503, "no step has succeeded yet\n"};
           }}};
}

}  // namespace

absl::Status RunWorker(const WorkerConfig& config, StopSignal& stop, std::ostream& out,
                       std::ostream& err) {
  // A signal has come while the run may wait for a server or a device.
  std::atomic<bool> interrupted = false;
  stop.Serving([&interrupted] { interrupted = true; });
  const auto forget = absl::MakeCleanup([&stop] { stop.Forget(); });
  Progress progress(config, out, err);
  GF_RETURN_IF_ERROR(progress.OpenFiles());
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, NewExecutor(config, interrupted));
  GF_RETURN_IF_ERROR(CheckModel(config, executor->description()));
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client,
                      config.server.Connect([&interrupted] { return interrupted.load(); }));
  WorkerMetrics metrics(Identity(config, executor->description()), GRAPHFEED_VERSION);
  std::unique_ptr<HttpEndpoint> endpoint;
  if (!config.metrics_listen.empty()) {
    GF_ASSIGN_OR_RETURN(endpoint, HttpEndpoint::Start(config.metrics_listen, Pages(metrics)));
    progress.Listening(absl::StrCat(
        config.metrics_listen.substr(0, config.metrics_listen.rfind(':')), ":", endpoint->port()));
  }
  std::optional<ReportSender> reports;
  if (config.report_interval > absl::ZeroDuration()) {
    reports.emplace(
        ReportSender::Options{
            .interval = config.report_interval,
            .send = [&client](const WorkerReport& report) { return client->ReportWorker(report); },
            .warn = [&progress](const std::string& what) { progress.Warned(what); }},
        metrics);
  }
  Worker worker(config.worker, *client, *executor, metrics, progress);
  stop.Serving([&] {
    worker.Stop();
    interrupted = true;
  });
  absl::Status status = WaitForServer(config, *client, progress);
  if (status.ok()) status = worker.Run();
  if (interrupted && absl::IsCancelled(status) && config.worker.predictions_dir.empty()) {
    status = absl::OkStatus();
  }
  stop.Forget();
  interrupted = false;  // the last report is still to be sent
  const absl::Status finished = progress.Finish(worker, status);
  return status.ok() ? finished : status;
}

}  // namespace graphfeed
