#ifndef GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
#define GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "storage/catalog.h"

namespace graphfeed {

enum class FolderUse {
  kRead,    // nothing in it is changed; several commands may run at once
  kWrite,   // there is a store in it
  kCreate,  // there may be none in it yet
};

// Where datasets are that a command reads or writes without a server: a data folder, or a store
// that servers share.
struct PlaceFlags {
  std::string data_dir;
  std::string store;

  // --data-dir, told of by `data_dir_help`, and --store. Neither goes with --server.
  void Register(CLI::App& command, const char* data_dir_help);
  bool given() const { return !data_dir.empty() || !store.empty(); }
  // The datasets there. NOT_FOUND where there is no folder or no store in it, FAILED_PRECONDITION
  // while a server runs on the folder; then as the engine says.
  absl::StatusOr<std::unique_ptr<Catalog>> Open(FolderUse use) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
