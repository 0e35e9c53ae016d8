#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/text_output.h"
#include "client/flags/flag_values.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/snapshot.h"

namespace graphfeed {
namespace {

void Print(const std::vector<DatasetInfo>& infos, const Console& console) {
  TextTable table({"DATASET", "FINGERPRINT"});
  for (const DatasetInfo& info : infos) {
    table.Add({absl::StrCat(info.name, "@", info.version), DigestHex(info.fingerprint)});
  }
  console.out << table.ToString();
}

// Copies a folder on which no server runs and says what is in it; reads all of it if `verify`.
absl::Status Copy(const std::string& from, const std::string& to, bool verify,
                  const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> infos, CopyDataDir(from, to, verify));
  Print(infos, console);
  return absl::OkStatus();
}

// Has a running server copy its folder.
absl::Status CopyAtServer(const ServerFlags& server, const std::string& name,
                          const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, server.Connect());
  GF_ASSIGN_OR_RETURN(const SnapshotInfo snapshot, client->CreateSnapshot(name));
  console.out << "at the server: " << snapshot.folder << "\n";
  Print(snapshot.datasets, console);
  if (snapshot.more) console.out << "... and more\n";
  return absl::OkStatus();
}

}  // namespace

void AddSnapshotCommands(CLI::App& app, Action& action) {
  struct SnapshotFlags {
    ServerFlags server;
    std::string data_dir;
    std::string folder;
    bool verify = true;
  };
  auto snapshot = std::make_shared<SnapshotFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "snapshot", "Copy a data folder with all its versions; chunk files are linked, if possible");
  command
      ->add_option("folder", snapshot->folder,
                   "the new folder; of a server: its name below --snapshot-dir")
      ->required();
  snapshot->server.Register(*command);
  command
      ->add_option("--data-dir", snapshot->data_dir, "of this data folder; no server may run on it")
      ->excludes("--server")
      ->check(NamesFolder());
  command->add_flag("--verify,!--no-verify", snapshot->verify,
                    "read the copy of --data-dir and compare it with its fingerprints (default)");
  command->callback([snapshot, &action] {
    action = [snapshot](const Console& console) {
      return snapshot->data_dir.empty()
                 ? CopyAtServer(snapshot->server, snapshot->folder, console)
                 : Copy(snapshot->data_dir, snapshot->folder, snapshot->verify, console);
    };
  });
  struct RestoreFlags {
    std::string folder;
    std::string data_dir;
    bool verify = true;
  };
  auto restore = std::make_shared<RestoreFlags>();  // shared with the callback
  command = app.add_subcommand(
      "restore", "Make a data folder of a snapshot: the same versions with the same fingerprints");
  command->add_option("folder", restore->folder, "the snapshot")->required();
  command->add_option("--data-dir", restore->data_dir, "the new data folder")
      ->required()
      ->check(NamesFolder());
  command->add_flag("--verify,!--no-verify", restore->verify,
                    "read the copy and compare it with its fingerprints (default)");
  command->callback([restore, &action] {
    action = [restore](const Console& console) {
      return Copy(restore->folder, restore->data_dir, restore->verify, console);
    };
  });
}

}  // namespace graphfeed
