#include "client/cli/cli.h"

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/text_output.h"
#include "client/local/local.h"
#include "proto/frame/error_details.h"

namespace graphfeed {
namespace {

// The first words, "import foo", where the last of them is no command; "" where all are. Told
// before "a subcommand is required", which would be of no help.
std::string UnknownCommand(const CLI::App& app, int argc, const char* const* argv) {
  std::string words;
  const CLI::App* command = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const char* word = argv[i];
    if (command->get_subcommands([](const CLI::App*) { return true; }).empty()) return "";
    absl::StrAppend(&words, words.empty() ? "" : " ", word);
    const std::vector<const CLI::App*> found =
        command->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
    if (found.empty()) return words;
    command = found.front();
  }
  return "";
}

}  // namespace

int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  ServeLocalEndpoints();
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
    const std::string unknown = UnknownCommand(app, argc, argv);
    if (!unknown.empty()) {
      err << "graphfeed: there is no command '" << unknown << "'";
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
  err << "graphfeed: " << absl::StatusCodeToString(status.code()) << ": "
      << Shortened(MessageWithRequestId(status)) << "\n";
  return kExitFailed;
}

}  // namespace graphfeed
