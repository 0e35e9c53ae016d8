#include "server/metrics/metrics.h"

#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "proto/frame/error_details.h"
#include "server/metrics/readings_collectable.h"
#include "server/metrics/worker_counters.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Builds and plans: 10 us to 10 s.
const prometheus::Histogram::BucketBoundaries kWorkSeconds = {
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2,
    2e-2, 5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10};
// Estimates, calls that answer once, first frames.
const prometheus::Histogram::BucketBoundaries kCallSeconds = {
    5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 600};
// Up to days: streams may run for as long as a training does.
const prometheus::Histogram::BucketBoundaries kStreamSeconds = {0.01, 0.1,  1,     10,    60,
                                                                600,  3600, 14400, 86400, 604800};
const prometheus::Histogram::BucketBoundaries kFillRatios = {0.1, 0.2, 0.3,  0.4,  0.5,  0.6, 0.7,
                                                             0.8, 0.9, 0.95, 0.98, 0.99, 1};
// As the enum has them.
constexpr std::array<const char*, 5> kAuthFailures = {"missing", "token", "certificate", "role",
                                                      "dataset"};
// Why streams end: those of StreamEnd, in its order, and the others.
constexpr const char* kEndReasons[] = {"age",       "idle",    "drain", "complete",
                                       "cancelled", "refused", "error"};
constexpr size_t kComplete = kNumValues<StreamEnd>;
constexpr int kNumCodes = static_cast<int>(absl::StatusCode::kUnauthenticated) + 1;

prometheus::Counter& NewCounter(prometheus::Registry& registry, const char* name,
                                const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

// The counters of one strategy, looked up once.
struct StrategyCounters {
  prometheus::Counter* frames;
  prometheus::Counter* batches;
  prometheus::Counter* graphs;
  prometheus::Counter* bytes;
  prometheus::Counter* real_nodes;
  prometheus::Counter* padding_nodes;
  prometheus::Counter* real_edges;
  prometheus::Counter* padding_edges;
  prometheus::Counter* trimmed_nodes;
  prometheus::Counter* trimmed_edges;
  prometheus::Histogram* build_seconds;
  prometheus::Histogram* node_fill;
  prometheus::Histogram* edge_fill;
};

// Those of one method.
struct MethodCounters {
  std::array<prometheus::Counter*, kNumCodes> done{};  // by code
  prometheus::Histogram* seconds;
  prometheus::Counter* sent_bytes;
  prometheus::Counter* received_bytes;
};

}  // namespace

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  std::map<std::string, MethodCounters, std::less<>> methods;  // does not change
  prometheus::Histogram& first_frame_seconds =
      prometheus::BuildHistogram()
          .Name("graphfeed_stream_first_frame_seconds")
          .Help("Time from a StreamBatches call to the end of the write of its first frame.")
          .Register(*registry)
          .Add({}, kCallSeconds);
  prometheus::Gauge& open_streams = prometheus::BuildGauge()
                                        .Name("graphfeed_open_streams")
                                        .Help("Running StreamBatches calls.")
                                        .Register(*registry)
                                        .Add({});
  prometheus::Family<prometheus::Counter>& streams_ended =
      prometheus::BuildCounter()
          .Name("graphfeed_streams_ended_total")
          .Help("StreamBatches calls that have ended, by why.")
          .Register(*registry);
  std::array<prometheus::Counter*, std::size(kEndReasons)> ended{};  // as in kEndReasons
  prometheus::Gauge& open_ingests = prometheus::BuildGauge()
                                        .Name("graphfeed_open_ingests")
                                        .Help("Running Ingest calls.")
                                        .Register(*registry)
                                        .Add({});
  prometheus::Counter& skipped_graphs =
      NewCounter(*registry, "graphfeed_skipped_graphs_total",
                 "Graphs left out by OverSize.Skip, of each epoch that a stream began.");
  prometheus::Counter& dropped_frames = NewCounter(
      *registry, "graphfeed_frames_dropped_total",
      "Frames that were ready and made way for other streams' memory; they are built again.");
  prometheus::Histogram& room_seconds =
      prometheus::BuildHistogram()
          .Name("graphfeed_stream_room_wait_seconds")
          .Help("Time that new streams waited for memory and a place, of those that had to.")
          .Register(*registry)
          .Add({}, kCallSeconds);
  prometheus::Histogram& estimate_seconds = prometheus::BuildHistogram()
                                                .Name("graphfeed_estimate_seconds")
                                                .Help("Time to take sizes from sampled batches.")
                                                .Register(*registry)
                                                .Add({}, kCallSeconds);
  prometheus::Histogram& plan_seconds = prometheus::BuildHistogram()
                                            .Name("graphfeed_plan_seconds")
                                            .Help("Time to plan an epoch.")
                                            .Register(*registry)
                                            .Add({}, kWorkSeconds);
  prometheus::Family<prometheus::Counter>& waits =
      prometheus::BuildCounter()
          .Name("graphfeed_stream_wait_seconds_total")
          .Help(
              "Time for which streams with a frame ready waited for the client to take the one "
              "before it (for=\"client\"), or had none ready to send (for=\"build\").")
          .Register(*registry);
  prometheus::Counter& client_wait = waits.Add({{"for", "client"}});
  prometheus::Counter& build_wait = waits.Add({{"for", "build"}});
  prometheus::Counter& overlap = NewCounter(
      *registry, "graphfeed_stream_overlap_seconds_total",
      "Time for which streams had a frame on its way while the next one was being built.");

  std::array<StrategyCounters, kNumValues<Strategy>> strategies{};  // as in the enum's table
  WorkerCounters workers{*registry};
  UsageCounters tenants{*registry, "tenant"};
  UsageCounters datasets{*registry, "dataset"};
  std::array<prometheus::Counter*, kAuthFailures.size()> auth_failures{};

  std::vector<std::shared_ptr<prometheus::Collectable>> readings;
  std::unique_ptr<HttpEndpoint> endpoint;

  explicit Impl(const Options& options) {
    AddMethods(options.methods);
    for (size_t i = 0; i < ended.size(); ++i) {
      ended[i] = &streams_ended.Add({{"reason", kEndReasons[i]}});
    }
    auto& refused = prometheus::BuildCounter()
                        .Name("graphfeed_auth_failures_total")
                        .Help("Calls of callers that are not known, or may not make them.")
                        .Register(*registry);
    for (size_t i = 0; i < kAuthFailures.size(); ++i) {
      auth_failures[i] = &refused.Add({{"reason", kAuthFailures[i]}});
    }
    if (!options.version.empty()) {
      prometheus::BuildGauge()
          .Name("graphfeed_build_info")
          .Help("1; what runs.")
          .Register(*registry)
          .Add({{"version", options.version},
                {"storage_format", std::to_string(options.storage_format)}})
          .Set(1);
    }
    auto family = [&](const char* name, const char* help) {
      return &prometheus::BuildCounter().Name(name).Help(help).Register(*registry);
    };
    auto* frames = family("graphfeed_frames_sent_total", "Frames sent.");
    auto* batches = family("graphfeed_batches_sent_total", "Batches sent; a frame holds k.");
    auto* graphs = family("graphfeed_graphs_sent_total", "Real graphs sent.");
    auto* bytes = family("graphfeed_sent_bytes_total", "Bytes of the slabs sent.");
    auto* real_nodes = family("graphfeed_real_nodes_total", "Real nodes sent.");
    auto* padding_nodes = family("graphfeed_padding_nodes_total", "Padding nodes sent.");
    auto* real_edges = family("graphfeed_real_edges_total", "Real edges sent.");
    auto* padding_edges = family("graphfeed_padding_edges_total", "Padding edges sent.");
    auto* trimmed_nodes =
        family("graphfeed_trimmed_nodes_total", "Nodes cut off batches that were too large.");
    auto* trimmed_edges =
        family("graphfeed_trimmed_edges_total", "Edges cut off batches that were too large.");
    auto& build_seconds = prometheus::BuildHistogram()
                              .Name("graphfeed_build_seconds")
                              .Help("Time to build a frame, reading its rows included.")
                              .Register(*registry);
    auto& fill =
        prometheus::BuildHistogram()
            .Name("graphfeed_frame_fill_ratio")
            .Help("Share of a padded frame's nodes, or edges, that are real; of frames sent.")
            .Register(*registry);
    auto fill_of = [&](const char* of, absl::string_view strategy) {
      return &fill.Add({{"of", of}, {"strategy", std::string(strategy)}}, kFillRatios);
    };
    for (size_t i = 0; i < strategies.size(); ++i) {
      const prometheus::Labels labels = {{"strategy", EnumTable<Strategy>::kEntries[i].name}};
      strategies[i] = {.frames = &frames->Add(labels),
                       .batches = &batches->Add(labels),
                       .graphs = &graphs->Add(labels),
                       .bytes = &bytes->Add(labels),
                       .real_nodes = &real_nodes->Add(labels),
                       .padding_nodes = &padding_nodes->Add(labels),
                       .real_edges = &real_edges->Add(labels),
                       .padding_edges = &padding_edges->Add(labels),
                       .trimmed_nodes = &trimmed_nodes->Add(labels),
                       .trimmed_edges = &trimmed_edges->Add(labels),
                       .build_seconds = &build_seconds.Add(labels, kWorkSeconds),
                       .node_fill = fill_of("nodes", EnumTable<Strategy>::kEntries[i].name),
                       .edge_fill = fill_of("edges", EnumTable<Strategy>::kEntries[i].name)};
    }
  }

  void AddMethods(const std::vector<Method>& of_service) {
    if (of_service.empty()) return;
    auto& rpcs = prometheus::BuildCounter()
                     .Name("graphfeed_rpcs_total")
                     .Help("Finished calls by method and status code.")
                     .Register(*registry);
    auto& rpc_seconds = prometheus::BuildHistogram()
                            .Name("graphfeed_rpc_seconds")
                            .Help("Time from the start to the end of a call that answers once.")
                            .Register(*registry);
    auto& stream_seconds =
        prometheus::BuildHistogram()
            .Name("graphfeed_stream_seconds")
            .Help("Time from the start to the end of a call that streams, in either direction.")
            .Register(*registry);
    auto& sent = prometheus::BuildCounter()
                     .Name("graphfeed_rpc_sent_bytes_total")
                     .Help("Bytes of messages that were sent; frames in shared memory are not.")
                     .Register(*registry);
    auto& received = prometheus::BuildCounter()
                         .Name("graphfeed_rpc_received_bytes_total")
                         .Help("Bytes of messages that were received.")
                         .Register(*registry);
    for (const Method& method : of_service) {
      const prometheus::Labels labels = {{"method", method.name}};
      MethodCounters& counters = methods[method.name];
      for (int code = 0; code < kNumCodes; ++code) {
        counters.done[static_cast<size_t>(code)] =
            &rpcs.Add({{"method", method.name},
                       {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}});
      }
      counters.seconds = method.streams ? &stream_seconds.Add(labels, kStreamSeconds)
                                        : &rpc_seconds.Add(labels, kCallSeconds);
      counters.sent_bytes = &sent.Add(labels);
      counters.received_bytes = &received.Add(labels);
    }
  }

  // Null for what is no method of the service.
  const MethodCounters* Find(absl::string_view method) const {
    const auto found = methods.find(method);
    return found == methods.end() ? nullptr : &found->second;
  }
};

Metrics::Metrics(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
Metrics::~Metrics() { StopListening(); }

void Metrics::RpcDone(absl::string_view method, absl::StatusCode code,
                      std::chrono::nanoseconds time) {
  const MethodCounters* const counters = impl_->Find(method);
  if (counters == nullptr) return;
  const int number = static_cast<int>(code);
  const bool known = number >= 0 && number < kNumCodes;
  counters->done[known ? static_cast<size_t>(number) : size_t{2}]->Increment();  // 2: UNKNOWN
  counters->seconds->Observe(Seconds(time));
}

void Metrics::BytesSent(absl::string_view method, int64_t bytes) {
  const MethodCounters* const counters = impl_->Find(method);
  if (counters != nullptr) counters->sent_bytes->Increment(static_cast<double>(bytes));
}

void Metrics::BytesReceived(absl::string_view method, int64_t bytes) {
  const MethodCounters* const counters = impl_->Find(method);
  if (counters != nullptr) counters->received_bytes->Increment(static_cast<double>(bytes));
}

void Metrics::FirstFrameSent(std::chrono::nanoseconds time) {
  impl_->first_frame_seconds.Observe(Seconds(time));
}

void Metrics::StreamsOpen(int delta) { impl_->open_streams.Increment(delta); }
void Metrics::IngestsOpen(int delta) { impl_->open_ingests.Increment(delta); }

void Metrics::FrameBuilt(Strategy strategy, std::chrono::nanoseconds time) {
  impl_->strategies[IndexOf(strategy)].build_seconds->Observe(Seconds(time));
}

void Metrics::FrameSent(Strategy strategy, const FrameCounts& counts) {
  const StrategyCounters& to = impl_->strategies[IndexOf(strategy)];
  to.frames->Increment();
  to.batches->Increment(static_cast<double>(counts.batches));
  to.graphs->Increment(static_cast<double>(counts.graphs));
  to.bytes->Increment(static_cast<double>(counts.bytes));
  to.real_nodes->Increment(static_cast<double>(counts.real_nodes));
  to.padding_nodes->Increment(static_cast<double>(counts.padding_nodes));
  to.real_edges->Increment(static_cast<double>(counts.real_edges));
  to.padding_edges->Increment(static_cast<double>(counts.padding_edges));
  to.trimmed_nodes->Increment(static_cast<double>(counts.trimmed_nodes));
  to.trimmed_edges->Increment(static_cast<double>(counts.trimmed_edges));
  if (!counts.padded) return;
  const auto fill = [](prometheus::Histogram& histogram, int64_t real, int64_t padding) {
    if (real + padding > 0) {
      histogram.Observe(static_cast<double>(real) / static_cast<double>(real + padding));
    }
  };
  fill(*to.node_fill, counts.real_nodes, counts.padding_nodes);
  fill(*to.edge_fill, counts.real_edges, counts.padding_edges);
}

void Metrics::StreamEnded(const absl::Status& status, bool opened) {
  size_t reason = kComplete;
  if (const std::optional<StreamEnd> end = StreamEndOf(status)) {
    reason = IndexOf(*end);
  } else if (!status.ok()) {
    reason = absl::IsCancelled(status) ? kComplete + 1 : kComplete + (opened ? 3 : 2);
  }
  impl_->ended[reason]->Increment();
}

void Metrics::GraphsSkipped(int64_t count) {
  impl_->skipped_graphs.Increment(static_cast<double>(count));
}

void Metrics::FramesDropped(int64_t count) {
  impl_->dropped_frames.Increment(static_cast<double>(count));
}

void Metrics::StreamWaited(std::chrono::nanoseconds time) {
  impl_->room_seconds.Observe(Seconds(time));
}

void Metrics::EstimateMade(std::chrono::nanoseconds time) {
  impl_->estimate_seconds.Observe(Seconds(time));
}

void Metrics::PlanMade(std::chrono::nanoseconds time) {
  impl_->plan_seconds.Observe(Seconds(time));
}

void Metrics::StreamSpent(StreamTime on, std::chrono::nanoseconds time) {
  switch (on) {
    case StreamTime::kForClient:
      impl_->client_wait.Increment(Seconds(time));
      return;
    case StreamTime::kForBuild:
      impl_->build_wait.Increment(Seconds(time));
      return;
    case StreamTime::kOverlap:
      impl_->overlap.Increment(Seconds(time));
      return;
  }
}

void Metrics::AuthFailed(AuthFailure reason) {
  impl_->auth_failures[static_cast<size_t>(reason)]->Increment();
}

UsageCounters& Metrics::tenants() { return impl_->tenants; }
UsageCounters& Metrics::datasets() { return impl_->datasets; }

void Metrics::WorkerAdvanced(const WorkerReport& difference) { impl_->workers.Add(difference); }

void Metrics::AddReadings(std::function<std::vector<Reading>()> read) {
  impl_->readings.push_back(NewReadingsCollectable(std::move(read)));
}

absl::StatusOr<int> Metrics::Listen(const std::string& address, HttpEndpoint::Pages others) {
  others["/metrics"] = [this] { return HttpAnswer{200, Text()}; };
  GF_ASSIGN_OR_RETURN(impl_->endpoint, HttpEndpoint::Start(address, std::move(others)));
  return impl_->endpoint->port();
}

void Metrics::StopListening() { impl_->endpoint.reset(); }

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry->Collect();
  for (const auto& readings : impl_->readings) {
    for (prometheus::MetricFamily& family : readings->Collect()) {
      families.push_back(std::move(family));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace graphfeed
