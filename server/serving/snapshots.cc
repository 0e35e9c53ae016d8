#include "server/serving/snapshots.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/spec.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kScheduledPrefix = "auto-";
constexpr char kTimeFormat[] = "%E4Y%m%dT%H%M%SZ";
constexpr absl::string_view kUnfinished = ".tmp";        // the catalog's
constexpr absl::string_view kBeingRemoved = ".removed";  // no longer a whole one

// Names below `dir` that are `suffix` behind those of scheduled snapshots, without it, ascending.
std::vector<std::string> NamesWith(const std::string& dir, absl::string_view suffix) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(dir, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const std::string file = entry->path().filename().string();
    absl::string_view name = file;
    // A link is somebody else's doing.
    if (!absl::ConsumeSuffix(&name, suffix) || !TimeOfScheduledSnapshot(name).has_value() ||
        !fs::is_directory(entry->symlink_status(gone))) {
      continue;
    }
    names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Remove(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot remove \"", folder.string(), "\": ", error.message()));
}

}  // namespace

absl::StatusOr<std::vector<DatasetInfo>> MakeSnapshot(Catalog& catalog, const WriteRules& rules,
                                                      const std::string& dir,
                                                      const std::string& name) {
  // No name of this kind leaves the folder.
  if (absl::Status status = CheckDatasetName(name); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", status.message()));
  }
  GF_RETURN_IF_ERROR(rules.CheckRoomIn(dir, "a snapshot"));
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot create \"", dir, "\": ", error.message()));
  }
  return catalog.Snapshot((fs::path(dir) / name).string());
}

std::string ScheduledSnapshotName(absl::Time time) {
  return absl::StrCat(kScheduledPrefix, absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone()));
}

std::optional<absl::Time> TimeOfScheduledSnapshot(absl::string_view name) {
  absl::string_view text = name;
  absl::Time time;
  if (!absl::ConsumePrefix(&text, kScheduledPrefix) ||
      !absl::ParseTime(kTimeFormat, text, absl::UTCTimeZone(), &time, nullptr) ||
      ScheduledSnapshotName(time) != name) {
    return std::nullopt;
  }
  return time;
}

std::vector<std::string> ScheduledSnapshots(const std::string& dir) { return NamesWith(dir, ""); }

absl::Status RotateSnapshots(const std::string& dir, const std::string& last, int64_t keep,
                             std::vector<std::string>& removed) {
  const fs::path folder(dir);
  for (const absl::string_view suffix : {kUnfinished, kBeingRemoved}) {
    for (const std::string& name : NamesWith(dir, suffix)) {
      GF_RETURN_IF_ERROR(Remove(folder / absl::StrCat(name, suffix)));
    }
  }
  std::vector<std::string> names = ScheduledSnapshots(dir);
  names.erase(std::upper_bound(names.begin(), names.end(), last), names.end());
  for (size_t i = 0; i + static_cast<size_t>(keep) < names.size(); ++i) {
    // Whoever is interrupted leaves nothing that looks like a snapshot.
    const fs::path doomed = folder / absl::StrCat(names[i], kBeingRemoved);
    std::error_code error;
    fs::rename(folder / names[i], doomed, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot remove \"", (folder / names[i]).string(), "\": ", error.message()));
    }
    removed.push_back(names[i]);
    GF_RETURN_IF_ERROR(Remove(doomed));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
