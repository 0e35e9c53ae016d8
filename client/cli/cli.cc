#include "client/cli/cli.h"

#include <cstdlib>
#include <ostream>

#include "absl/status/status.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"

namespace graphfeed {

ServerFlags::ServerFlags() {
  const char* from_environment = std::getenv("GRAPHFEED_ENDPOINT");
  server = from_environment != nullptr ? from_environment : kDefaultServer;
}

void ServerFlags::Register(CLI::App& command) {
  command
      .add_option("--server", server,
                  "address of the server, or of replicas, separated by commas (default: "
                  "GRAPHFEED_ENDPOINT of the environment)")
      ->capture_default_str();
  command.add_option("--timeout", timeout_seconds, "seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command
      .add_option("--retry-timeout", retry_timeout_seconds,
                  "seconds to look for a server that goes on when one has failed")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--keepalive", keepalive_seconds,
                  "seconds of silence before a server is pinged, and to wait for its answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  command.add_flag("--no-proxy", no_proxy, "ignore the proxies that the environment names");
  command.add_flag("--no-shared-memory", no_shared_memory,
                   "let frames travel also from a server of this host (unix:...)");
}

absl::StatusOr<std::unique_ptr<Client>> ServerFlags::Connect(
    std::function<bool()> interrupted) const {
  ClientOptions options;
  options.endpoints = absl::StrSplit(server, ',');
  options.timeout = absl::Seconds(timeout_seconds);
  options.encoding = encoding;
  options.retry_timeout = absl::Seconds(retry_timeout_seconds);
  options.keepalive_time = absl::Seconds(keepalive_seconds);
  options.keepalive_timeout = absl::Seconds(keepalive_seconds);
  options.use_proxy = !no_proxy;
  options.shared_memory = !no_shared_memory;
  options.interrupted = std::move(interrupted);
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
  AddPartitionCommand(app, action);
  AddRemoveCommand(app, action);
  AddVerifyCommand(app, action);
  AddExportCommand(app, action);
  AddSyncCommand(app, action);
  AddTopCommand(app, action);
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
