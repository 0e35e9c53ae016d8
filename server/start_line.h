#ifndef GRAPHFEED_SERVER_START_LINE_H_
#define GRAPHFEED_SERVER_START_LINE_H_

#include "server/config.h"
#include "server/logging/event_log.h"
#include "storage/catalog.h"

namespace graphfeed {

// What a start found out.
struct Started {
  int port = 0;
  int metrics_port = 0;  // 0: none
  bool read_only = false;
};

// Says in one line what runs: the version, what is stored, where it listens, and each setting that
// is not as it is by default ("config.data-dir"). Settings name files, and no secrets.
void LogStart(EventLog& log, const ServerConfig& config, const Catalog& catalog,
              const Started& started);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_START_LINE_H_
