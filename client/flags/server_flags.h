#ifndef GRAPHFEED_CLIENT_FLAGS_SERVER_FLAGS_H_
#define GRAPHFEED_CLIENT_FLAGS_SERVER_FLAGS_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"

namespace graphfeed {

inline constexpr char kDefaultServer[] = "127.0.0.1:50051";

// --server and how long to wait for it. The default is GRAPHFEED_ENDPOINT of the environment, else
// kDefaultServer.
struct ServerFlags {
  std::string server;
  std::string data_dir;  // instead of a server, where RegisterDataDir was called
  double timeout_seconds = 60;
  double retry_timeout_seconds = 60;
  double keepalive_seconds = 10;
  Encoding encoding = Encoding::kDense;
  bool no_proxy = false;
  bool no_shared_memory = false;
  ClientSecurity security;  // what no flag says is the environment's

  ServerFlags();
  void Register(CLI::App& command);
  // --data-dir, after Register: a folder that this process serves to itself (client/local).
  void RegisterDataDir(CLI::App& command);
  // `interrupted` as in ClientOptions.
  absl::StatusOr<std::unique_ptr<Client>> Connect(
      std::function<bool()> interrupted = nullptr) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_SERVER_FLAGS_H_
