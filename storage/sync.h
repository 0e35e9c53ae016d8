#ifndef GRAPHFEED_STORAGE_SYNC_H_
#define GRAPHFEED_STORAGE_SYNC_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dataset_store.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// What became of a version.
enum class SyncState { kPresent, kCopied, kDeleted };

struct SyncedVersion {
  std::string name;
  int64_t version = 0;
  Fingerprint fingerprint{};
  SyncState state = SyncState::kPresent;

  std::string Title() const;  // "name@version"
};

struct SyncOptions {
  std::string from;                     // the other side, for errors
  std::vector<std::string> names = {};  // none: all datasets
  bool remove = false;                  // what the other side does not have (any more)
  // Told of each version when it is done with.
  std::function<void(const SyncedVersion&)> on_version = nullptr;
  // Told how far the copy of a version has come.
  std::function<void(const std::string& title, absl::string_view unit, int64_t done, int64_t total)>
      progress = nullptr;
  // Asked before each version is copied, and before each of its blocks: an error ends the pass.
  std::function<absl::Status()> check = nullptr;
};

// One look at both sides: what `to` lacks is copied, oldest first, with numbers and fingerprints,
// which `to` computes anew of what it has stored; then what `from` lacks is deleted, if that is
// wished. FAILED_PRECONDITION, and nothing is changed, where one number has two fingerprints, or
// where all were to be deleted because `from` has nothing at all. NOT_FOUND for a name that `from`
// does not have. What was copied before an error stays.
absl::Status SyncVersions(const SyncOptions& options, DatasetStore& from, DatasetStore& to);

// Ingests all blocks of `source` as `spec` says and tells how far it is. An error of `check`, asked
// before each block, ends it; may be null.
absl::StatusOr<DatasetInfo> Transfer(GraphSource& source, const IngestSpec& spec, DatasetStore& to,
                                     const ImportProgress& progress,
                                     const std::function<absl::Status()>& check = nullptr);

// "graphs" or, of a single graph, "rows": what a source counts.
const char* UnitOf(const IngestSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SYNC_H_
