#ifndef GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_
#define GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphfeed {

// How much a server has to do.
struct ServerLoad {
  int64_t streams = 0;      // open, those that wait among them
  int64_t max_streams = 0;  // 0: not told
  int64_t waiting = 0;      // streams that wait for room
};

// What a server is, whatever it stores.
struct ServerInfo {
  std::string version;  // of graphfeed
  // What decides a batch's bytes, by purpose (server/batching/algorithms.h).
  std::map<std::string, uint32_t> algorithm_versions;
  std::string store;  // the engine
  uint32_t storage_format = 0;
  // What not every server can: "shared_memory", "snapshots", "read_only".
  std::vector<std::string> features;
  std::optional<ServerLoad> load;  // when it was asked; nullopt: it does not tell
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SERVER_INFO_H_
