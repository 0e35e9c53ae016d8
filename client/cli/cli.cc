#include "client/cli/cli.h"

#include <ostream>

#include "absl/status/status.h"
#include "client/cli/command.h"

namespace graphfeed {

int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app(
      "Graphs in fixed-size batches from a graphfeed server: bring datasets in, look at them, plan "
      "and stream batches.",
      "graphfeed");
  app.require_subcommand(1);
  app.set_version_flag("--version", "graphfeed " GRAPHFEED_VERSION);
  Action action;
  AddImportCommand(app, action);
  AddListCommand(app, action);
  AddDescribeCommand(app, action);
  AddPlanCommand(app, action);
  AddStreamCommand(app, action);
  AddPartitionCommand(app, action);
  AddRemoveCommand(app, action);
  AddVerifyCommand(app, action);
  AddExportCommand(app, action);
  AddSyncCommand(app, action);
  AddTopCommand(app, action);
  AddInfoCommand(app, action);
  AddSnapshotCommands(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // how the library ends, also after --help
    if (error.get_exit_code() == 0) return app.exit(error, out, err);
    // Told before "a subcommand is required", which would be of no help.
    const auto is_first_word = [&](const CLI::App* command) {
      return command->get_name() == argv[1];
    };
    const bool unknown =
        argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_first_word).empty();
    if (unknown) {
      err << "graphfeed: there is no command '" << argv[1] << "'";
    } else {
      err << "graphfeed: " << error.what();
    }
    err << "\nRun graphfeed --help, or a command with --help.\n";
    return kExitUsage;
  }
  const absl::Status status = action({out, err});
  if (status.ok()) {
    out.flush();
    return kExitOk;
  }
  out.flush();
  err << "graphfeed: " << absl::StatusCodeToString(status.code()) << ": " << status.message()
      << "\n";
  return kExitFailed;
}

}  // namespace graphfeed
