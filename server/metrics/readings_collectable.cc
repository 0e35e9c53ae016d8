#include "server/metrics/readings_collectable.h"

#include <utility>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace graphfeed {
namespace {

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

}  // namespace

std::shared_ptr<prometheus::Collectable> NewReadingsCollectable(
    std::function<std::vector<Metrics::Reading>()> read) {
  return std::make_shared<ReadingsCollectable>(std::move(read));
}

}  // namespace graphfeed
