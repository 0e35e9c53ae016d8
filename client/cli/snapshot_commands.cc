#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/text_output.h"
#include "storage/catalog.h"
#include "storage/chunk_store.h"
#include "storage/graph/status_macros.h"
#include "storage/snapshot.h"

namespace graphfeed {
namespace {

struct CopyFlags {
  std::string folder;    // of the snapshot
  std::string data_dir;  // of a server
  bool verify = true;
};

// Says what a folder holds; reads all of it if `verify`.
absl::Status Report(const std::string& folder, bool verify, const Console& console) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(folder));
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog,
                      Catalog::Open(std::move(store), CatalogOptions()));
  TextTable table({"DATASET", "FINGERPRINT"});
  for (const DatasetInfo& info : catalog->List()) {
    const std::string name = absl::StrCat(info.name, "@", info.version);
    if (verify) {
      GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset, catalog->OpenDataset(name));
      GF_RETURN_IF_ERROR(dataset->Verify());
    }
    table.Add({name, FormatFingerprint(info.fingerprint)});
  }
  console.out << table.ToString();
  return absl::OkStatus();
}

absl::Status Copy(const std::string& from, const std::string& to, bool verify,
                  const Console& console) {
  GF_RETURN_IF_ERROR(CopyDataDir(from, to));
  return Report(to, verify, console);
}

void RegisterCopy(CLI::App& command, CopyFlags& flags, const char* folder_help) {
  command.add_option("folder", flags.folder, folder_help)->required();
  command.add_option("--data-dir", flags.data_dir, "data folder; no server may run on it")
      ->required();
  command.add_flag("--verify,!--no-verify", flags.verify,
                   "read the copy and compare it with its fingerprints (default)");
}

}  // namespace

void AddSnapshotCommands(CLI::App& app, Action& action) {
  auto snapshot = std::make_shared<CopyFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "snapshot", "Copy a data folder with all its versions; chunk files are linked, if possible");
  RegisterCopy(*command, *snapshot, "the new folder");
  command->callback([snapshot, &action] {
    action = [snapshot](const Console& console) {
      return Copy(snapshot->data_dir, snapshot->folder, snapshot->verify, console);
    };
  });
  auto restore = std::make_shared<CopyFlags>();  // shared with the callback
  command = app.add_subcommand(
      "restore", "Make a data folder of a snapshot: the same versions with the same fingerprints");
  RegisterCopy(*command, *restore, "the snapshot");
  command->callback([restore, &action] {
    action = [restore](const Console& console) {
      return Copy(restore->folder, restore->data_dir, restore->verify, console);
    };
  });
}

}  // namespace graphfeed
