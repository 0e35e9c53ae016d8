#ifndef GRAPHFEED_PROTO_EXPOSITION_PROCESS_STATS_H_
#define GRAPHFEED_PROTO_EXPOSITION_PROCESS_STATS_H_

#include <string>
#include <vector>

namespace graphfeed {

// A metric without labels.
struct ProcessStat {
  std::string name;
  std::string help;
  bool counter = false;  // else a gauge
  double value = 0;
};

// The process_* metrics that Prometheus' own client libraries have, and process_threads. What the
// system does not tell is left out.
std::vector<ProcessStat> ProcessStats();

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_EXPOSITION_PROCESS_STATS_H_
