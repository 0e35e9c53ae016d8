#ifndef GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_
#define GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace graphfeed {

// What a server is, whatever it stores.
struct ServerInfo {
  std::string version;  // of graphfeed
  // What decides a batch's bytes, by purpose (server/batching/algorithms.h).
  std::map<std::string, uint32_t> algorithm_versions;
  std::string store;  // the engine
  uint32_t storage_format = 0;
  // What not every server can: "shared_memory", "snapshots", "read_only".
  std::vector<std::string> features;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_
