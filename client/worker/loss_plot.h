#ifndef GRAPHFEED_CLIENT_WORKER_LOSS_PLOT_H_
#define GRAPHFEED_CLIENT_WORKER_LOSS_PLOT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace graphfeed {

// The losses of a run by step, as a picture (SVG). Losses that are not finite are gaps. At most
// some 2,000 points are drawn: of more, the mean of as many neighbours as it takes.
std::string LossPlotSvg(const std::vector<std::pair<int64_t, double>>& losses,
                        const std::string& title);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_LOSS_PLOT_H_
