#ifndef GRAPHFEED_SERVER_SERVING_SNAPSHOTS_H_
#define GRAPHFEED_SERVER_SERVING_SNAPSHOTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Snapshots of a server's data, folders below its --snapshot-dir.

// Makes the folder `name` below `dir`, which is made if there is none. INVALID_ARGUMENT for a name
// that would leave it; errors as Catalog::Snapshot and WriteRules::CheckRoomIn.
absl::StatusOr<std::vector<DatasetInfo>> MakeSnapshot(Catalog& catalog, const WriteRules& rules,
                                                      const std::string& dir,
                                                      const std::string& name);

// What scheduled ones are called: "auto-20261129T101500Z", which sorts by time.
std::string ScheduledSnapshotName(absl::Time time);
// nullopt for any other name.
std::optional<absl::Time> TimeOfScheduledSnapshot(absl::string_view name);

// The names of the scheduled snapshots below `dir`, oldest first; none where there is no folder.
std::vector<std::string> ScheduledSnapshots(const std::string& dir);

// Removes all but the `keep` newest of them up to `last`, which has just been made, and what an
// interrupted one left behind, while none is being made. Later ones are of a clock that was ahead:
// they take nobody's place. Nothing else below `dir` is touched. What was removed is added to
// `removed`.
absl::Status RotateSnapshots(const std::string& dir, const std::string& last, int64_t keep,
                             std::vector<std::string>& removed);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_SNAPSHOTS_H_
