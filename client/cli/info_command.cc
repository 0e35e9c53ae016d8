#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/json_output.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

struct InfoFlags {
  ServerFlags server;
  bool json = false;
};

absl::Status Info(const InfoFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  GF_ASSIGN_OR_RETURN(const ServerInfo info, client->GetServerInfo());
  if (flags.json) {
    console.out << Dump(ToJson(info), 2) << "\n";
    return absl::OkStatus();
  }
  std::vector<std::string> algorithms;
  algorithms.reserve(info.algorithm_versions.size());
  for (const auto& [purpose, version] : info.algorithm_versions) {
    algorithms.push_back(absl::StrCat(purpose, " ", version));
  }
  console.out << "server       graphfeed " << info.version << "\n"
              << "client       graphfeed " GRAPHFEED_VERSION "\n"
              << "store        " << info.store << ", format " << info.storage_format << "\n"
              << "features     "
              << (info.features.empty() ? "none" : absl::StrJoin(info.features, ", ")) << "\n"
              << "algorithms   " << absl::StrJoin(algorithms, ", ") << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddInfoCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<InfoFlags>();  // shared with the callback
  CLI::App* command =
      app.add_subcommand("info", "Show what a server is: its version, its store, what it can");
  flags->server.Register(*command);
  command->add_flag("--json", flags->json, "print it as JSON");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Info(*flags, console); };
  });
}

}  // namespace graphfeed
