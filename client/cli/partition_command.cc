#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/data_folder.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/flags/flag_values.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/partition/partition.h"

namespace graphfeed {
namespace {

struct PartitionFlags {
  ServerFlags server;
  PlaceFlags place;
  std::string dataset;
  int64_t num_parts = 0;
  uint64_t seed = 0;
  std::string column = "partition";
  bool json = false;
};

absl::StatusOr<DatasetInfo> PartitionIn(const PartitionFlags& flags) {
  if (!flags.place.given()) {
    GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
    return client->Partition(flags.dataset, flags.num_parts, flags.seed, flags.column);
  }
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog, flags.place.Open(FolderUse::kWrite));
  return AddPartition(*catalog, flags.dataset,
                      {.num_parts = flags.num_parts, .seed = flags.seed, .column = flags.column});
}

absl::Status RunPartition(const PartitionFlags& flags, const Console& console) {
  const auto start = std::chrono::steady_clock::now();
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, PartitionIn(flags));
  if (flags.json) {
    console.out << Dump(ToJson(info), 2) << "\n";
    return absl::OkStatus();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  console.out << info.name << "@" << info.version << ": " << FormatCount(info.num_nodes[0])
              << " nodes in " << FormatCount(flags.num_parts) << " parts, column " << flags.column
              << ", in " << FormatFixed(seconds.count(), 1) << " s; fingerprint "
              << DigestHex(info.fingerprint) << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddPartitionCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<PartitionFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "partition",
      "Split the nodes of a homogeneous single graph into clusters (METIS), as one more column of "
      "a new version");
  command->add_option("dataset", flags->dataset, "NAME (its newest version) or NAME@VERSION")
      ->required();
  command->add_option("--parts", flags->num_parts, "number of clusters")
      ->required()
      ->check(Positive());
  command->add_option("--seed", flags->seed, "the same one gives the same clusters")
      ->capture_default_str();
  command->add_option("--column", flags->column, "name of the node column with their numbers")
      ->capture_default_str();
  flags->server.Register(*command);
  flags->place.Register(*command, "of this data folder instead; no server may run on it");
  command->add_flag("--json", flags->json, "print the new version as JSON");
  command->footer(
      "It waits as long as it takes, whatever --timeout says. When this command is interrupted, "
      "the "
      "partition ends.");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return RunPartition(*flags, console); };
  });
}

}  // namespace graphfeed
