#ifndef GRAPHFEED_SERVER_METRICS_READINGS_COLLECTABLE_H_
#define GRAPHFEED_SERVER_METRICS_READINGS_COLLECTABLE_H_

#include <functional>
#include <memory>
#include <vector>

#include "server/metrics/metrics.h"

namespace prometheus {
class Collectable;
}

namespace graphfeed {

// Families whose values are read when somebody asks, as a scrape takes them.
std::shared_ptr<prometheus::Collectable> NewReadingsCollectable(
    std::function<std::vector<Metrics::Reading>()> read);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_METRICS_READINGS_COLLECTABLE_H_
