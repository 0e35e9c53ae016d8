#ifndef GRAPHFEED_CLIENT_CLI_COMMAND_H_
#define GRAPHFEED_CLIENT_CLI_COMMAND_H_

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"

namespace graphfeed {

// Where a command writes.
struct Console {
  std::ostream& out;
  std::ostream& err;
};

// What the command line has chosen: set by the subcommand's callback, run after parsing.
using Action = std::function<absl::Status(const Console&)>;

// Each adds one subcommand to `app`, whose callback sets `action`. Both outlive parsing.
void AddImportCommand(CLI::App& app, Action& action);
void AddListCommand(CLI::App& app, Action& action);
void AddDescribeCommand(CLI::App& app, Action& action);
void AddPlanCommand(CLI::App& app, Action& action);
void AddStreamCommand(CLI::App& app, Action& action);
void AddPartitionCommand(CLI::App& app, Action& action);
void AddRemoveCommand(CLI::App& app, Action& action);
void AddVerifyCommand(CLI::App& app, Action& action);
void AddExportCommand(CLI::App& app, Action& action);
void AddSyncCommand(CLI::App& app, Action& action);
void AddTopCommand(CLI::App& app, Action& action);
// "snapshot" and "restore".
void AddSnapshotCommands(CLI::App& app, Action& action);

inline constexpr char kDefaultServer[] = "127.0.0.1:50051";

// --server and how long to wait for it. The default is GRAPHFEED_ENDPOINT of the environment, else
// kDefaultServer.
struct ServerFlags {
  std::string server;
  double timeout_seconds = 60;
  double retry_timeout_seconds = 60;
  double keepalive_seconds = 10;
  Encoding encoding = Encoding::kDense;
  bool no_proxy = false;
  bool no_shared_memory = false;

  ServerFlags();
  void Register(CLI::App& command);
  // `interrupted` as in ClientOptions.
  absl::StatusOr<std::unique_ptr<Client>> Connect(
      std::function<bool()> interrupted = nullptr) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_COMMAND_H_
