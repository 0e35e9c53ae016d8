#include "server/metrics/metrics.h"

#include <array>
#include <utility>

#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "proto/exposition/http_endpoint.h"
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
// Estimates; calls: up to days, since streams may run for as long as a training does.
const prometheus::Histogram::BucketBoundaries kCallSeconds = {
    1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10, 60, 600, 3600, 36000, 360000};

prometheus::Counter& NewCounter(prometheus::Registry& registry, const char* name,
                                const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

class ReadingsCollectable : public prometheus::Collectable {
 public:
  explicit ReadingsCollectable(std::function<std::vector<Metrics::Reading>()> read)
      : read_(std::move(read)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    for (const Metrics::Reading& reading : read_()) {
      prometheus::MetricFamily& family = families.emplace_back();
      family.name = reading.name;
      family.help = reading.help;
      family.type =
          reading.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
      for (const auto& [label, value] : reading.values) {
        prometheus::ClientMetric& metric = family.metric.emplace_back();
        if (!reading.label.empty()) metric.label.push_back({reading.label, label});
        (reading.counter ? metric.counter.value : metric.gauge.value) = value;
      }
    }
    return families;
  }

 private:
  const std::function<std::vector<Metrics::Reading>()> read_;
};

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
};

}  // namespace

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  prometheus::Family<prometheus::Counter>& rpcs =
      prometheus::BuildCounter()
          .Name("graphfeed_rpcs_total")
          .Help("Finished calls by method and status code.")
          .Register(*registry);
  prometheus::Family<prometheus::Histogram>& rpc_seconds =
      prometheus::BuildHistogram()
          .Name("graphfeed_rpc_seconds")
          .Help("Time from a call's start to its end.")
          .Register(*registry);
  prometheus::Gauge& open_streams = prometheus::BuildGauge()
                                        .Name("graphfeed_open_streams")
                                        .Help("Running StreamBatches calls.")
                                        .Register(*registry)
                                        .Add({});
  prometheus::Gauge& open_ingests = prometheus::BuildGauge()
                                        .Name("graphfeed_open_ingests")
                                        .Help("Running Ingest calls.")
                                        .Register(*registry)
                                        .Add({});
  prometheus::Counter& skipped_graphs =
      NewCounter(*registry, "graphfeed_skipped_graphs_total",
                 "Graphs left out by OverSize.Skip, of each epoch that a stream began.");
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

  std::array<StrategyCounters, kNumValues<Strategy>> strategies{};  // as in the enum's table
  WorkerCounters workers{*registry};

  std::vector<std::shared_ptr<ReadingsCollectable>> readings;
  std::unique_ptr<HttpEndpoint> endpoint;

  Impl() {
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
                       .build_seconds = &build_seconds.Add(labels, kWorkSeconds)};
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() { StopListening(); }

void Metrics::RpcDone(absl::string_view method, absl::StatusCode code,
                      std::chrono::nanoseconds time) {
  const std::string name(method);
  impl_->rpcs.Add({{"method", name}, {"code", absl::StatusCodeToString(code)}}).Increment();
  impl_->rpc_seconds.Add({{"method", name}}, kCallSeconds).Observe(Seconds(time));
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
}

void Metrics::GraphsSkipped(int64_t count) {
  impl_->skipped_graphs.Increment(static_cast<double>(count));
}

void Metrics::EstimateMade(std::chrono::nanoseconds time) {
  impl_->estimate_seconds.Observe(Seconds(time));
}

void Metrics::PlanMade(std::chrono::nanoseconds time) {
  impl_->plan_seconds.Observe(Seconds(time));
}

void Metrics::StreamWaited(bool for_client, std::chrono::nanoseconds time) {
  (for_client ? impl_->client_wait : impl_->build_wait).Increment(Seconds(time));
}

void Metrics::WorkerAdvanced(const WorkerReport& difference) { impl_->workers.Add(difference); }

void Metrics::AddReadings(std::function<std::vector<Reading>()> read) {
  impl_->readings.push_back(std::make_shared<ReadingsCollectable>(std::move(read)));
}

absl::StatusOr<int> Metrics::Listen(const std::string& address) {
  GF_ASSIGN_OR_RETURN(impl_->endpoint,
                      HttpEndpoint::Start(address, {{"/metrics", [this] {
                                                       return HttpAnswer{200, Text()};
                                                     }}}));
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
