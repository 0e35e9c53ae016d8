#include "client/cli/cli.h"

#include <ostream>

#include "absl/status/status.h"
#include "client/cli/command.h"

namespace graphfeed {

void ServerFlags::Register(CLI::App& command) {
  command.add_option("--server", server, "address of the server, HOST:PORT")
      ->capture_default_str()
      ->envname("GRAPHFEED_SERVER");
  command.add_option("--timeout", timeout_seconds, "seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

absl::StatusOr<std::unique_ptr<Client>> ServerFlags::Connect() const {
  ClientOptions options;
  options.endpoint = server;
  options.timeout = absl::Seconds(timeout_seconds);
  return Client::Create(options);
}

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
  AddRemoveCommand(app, action);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // how the library ends, also after --help
    if (error.get_exit_code() == 0) return app.exit(error, out, err);
    err << "graphfeed: " << error.what() << "\nRun graphfeed --help, or a command with --help.\n";
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
