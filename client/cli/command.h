#ifndef GRAPHFEED_CLIENT_CLI_COMMAND_H_
#define GRAPHFEED_CLIENT_CLI_COMMAND_H_

#include <functional>
#include <iosfwd>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "client/cpp/client.h"
#include "client/flags/server_flags.h"

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
void AddInfoCommand(CLI::App& app, Action& action);
// "snapshot" and "restore".
void AddSnapshotCommands(CLI::App& app, Action& action);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_COMMAND_H_
