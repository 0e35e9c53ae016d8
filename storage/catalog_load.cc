#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "storage/base/status_macros.h"
#include "storage/catalog_engine.h"
#include "storage/catalog_records.h"
#include "storage/column_check.h"
#include "storage/ingest/spec.h"

namespace graphfeed {
namespace {

absl::Status CheckFormat(const RecordMap& records) {
  if (records.empty()) return absl::OkStatus();
  const auto format = records.find(kFormatKey);
  if (format == records.end()) {
    return absl::DataLossError("the record of the data's format is missing");
  }
  if (format->second == kFormat || format->second == kOlderFormat) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the data is of format \"", format->second,
                                                    "\"; this program knows \"", kFormat,
                                                    "\": a newer one wrote it"));
}

absl::StatusOr<std::shared_ptr<const Manifest>> ManifestOfRecord(absl::string_view key,
                                                                 absl::string_view value) {
  const absl::string_view name = absl::StripPrefix(key, kManifestPrefix);
  absl::StatusOr<Manifest> manifest = DecodeManifest(value);
  if (!manifest.ok()) {
    return absl::Status(manifest.status().code(),
                        absl::StrCat("dataset \"", name, "\": ", manifest.status().message()));
  }
  const DatasetInfo& info = manifest->info;
  if (key != ManifestKey(info.name, info.version)) {
    return absl::DataLossError(absl::StrCat("the manifest of \"", name, "\" is that of \"",
                                            info.name, "@", info.version, "\""));
  }
  return std::make_shared<const Manifest>(*std::move(manifest));
}

// All but manifests.
absl::Status CheckRecord(const RecordMap& records, const std::string& key) {
  if (key == kFormatKey) return absl::OkStatus();
  if (key == kNextColumnKey || absl::StartsWith(key, kNewestPrefix)) {
    return NumberIn<uint64_t>(records, key, 0).status();
  }
  if (key == kSetAsideKey) return SetAsideOf(records).status();
  if (absl::StartsWith(key, kServerPrefix)) return DecodeServer(records.at(key)).status();
  return absl::DataLossError(absl::StrCat("unknown record \"", key, "\""));
}

}  // namespace

absl::Status CatalogEngine::Load() {
  GF_RETURN_IF_ERROR(Refresh());
  const RecordMap earlier = records_.Copy();
  GF_ASSIGN_OR_RETURN(const std::vector<ColumnChunks> stored, store_->ListColumns());
  if (!server_key_.empty()) GF_RETURN_IF_ERROR(Refresh());
  GF_RETURN_IF_ERROR(CheckColumns(earlier, stored));
  if (read_only_) return absl::OkStatus();
  GF_RETURN_IF_ERROR(store_->StartWriting());
  std::optional<std::string> format;
  GF_RETURN_IF_ERROR(
      Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
        format = FindRecord(records, kFormatKey);
        return std::vector<RecordEdit>{{std::string(kFormatKey), std::string(kFormat)}};
      }));
  // The records of the older format vouch for themselves alone: that start removes nothing.
  if (format == kOlderFormat) return absl::OkStatus();
  GF_RETURN_IF_ERROR(KeepUp());
  GF_RETURN_IF_ERROR(SetUnusedAside(earlier, stored));
  return Sweep();
}

std::unique_ptr<RecordsWatch> CatalogEngine::Listen() {
  // What fails is tried again with the next KeepUp.
  return store_->WatchRecords([this] { (void)Refresh(); });
}

absl::Status CatalogEngine::Apply(const RecordMap& records,
                                  absl::Span<const RecordChange> changes) {
  GF_RETURN_IF_ERROR(CheckFormat(records));
  std::vector<std::shared_ptr<const Manifest>> published;
  for (const RecordChange& change : changes) {
    if (!change.after.has_value() || change.after == change.before) continue;
    if (!absl::StartsWith(change.key, kManifestPrefix)) {
      GF_RETURN_IF_ERROR(CheckRecord(records, change.key));
      continue;
    }
    GF_ASSIGN_OR_RETURN(published.emplace_back(), ManifestOfRecord(change.key, *change.after));
  }
  GF_ASSIGN_OR_RETURN(const SetAsideColumns set_aside, SetAsideOf(records));
  set_aside_columns_ = static_cast<int64_t>(set_aside.size());

  MutexLock lock(&mu_);
  for (const auto& manifest : published) {
    Reference(*manifest);
    for (const uint64_t column : manifest->uids()) writing_.erase(column);
  }
  for (const RecordChange& change : changes) {
    if (!change.before.has_value() || change.after == change.before) continue;
    if (change.key == server_key_ && !change.after.has_value()) LoseLease();
    absl::string_view name = change.key;
    if (!absl::ConsumePrefix(&name, kManifestPrefix)) continue;
    GF_ASSIGN_OR_RETURN(const DatasetReference version, ParseDatasetReference(name));
    const auto dataset = datasets_.find(version.name);
    const auto deleted = dataset->second.find(*version.version);
    for (const uint64_t column : Unreference(*deleted->second.manifest)) unused_.push_back(column);
    if (!deleted->second.open.expired()) {
      deleted_.push_back({deleted->second.manifest->info.fingerprint, deleted->second.open});
    }
    dataset->second.erase(deleted);
    if (dataset->second.empty()) datasets_.erase(dataset);
  }
  // A copy may have come under the number of what was deleted since the records were read.
  for (auto& manifest : published) {
    const DatasetInfo& info = manifest->info;
    Version& version = datasets_[info.name][info.version];
    version.used = options_.clock();
    version.manifest = std::move(manifest);
  }
  return absl::OkStatus();
}

absl::Status CatalogEngine::CheckColumns(const RecordMap& earlier,
                                         absl::Span<const ColumnChunks> stored) {
  // Uids are reserved in the catalogue before they are used.
  GF_ASSIGN_OR_RETURN(const uint64_t reserved, NextColumn(records_.Copy()));
  for (const ColumnChunks& column : stored) {
    if (column.column < reserved) continue;
    return absl::DataLossError(absl::StrCat(store_->ListingName(), " lists column ", column.column,
                                            "; the catalogue has given out those below ", reserved,
                                            ": it is older than the data"));
  }
  const ColumnCheck check(stored, store_->ListingName());
  MutexLock lock(&mu_);
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) {
      // Another server may have published a version after the columns were listed.
      if (!earlier.contains(ManifestKey(name, number))) continue;
      GF_RETURN_IF_ERROR(check.Check(*version.manifest));
    }
  }
  return absl::OkStatus();
}

// What should be the columns of unfinished ingests and deleted versions, but for errors of ours: so
// nothing is removed at once.
absl::Status CatalogEngine::SetUnusedAside(const RecordMap& earlier,
                                           absl::Span<const ColumnChunks> stored) {
  GF_ASSIGN_OR_RETURN(const auto servers_before, ServersOf(earlier));
  GF_ASSIGN_OR_RETURN(const uint64_t reserved, NextColumn(earlier));
  return Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
    GF_ASSIGN_OR_RETURN(const SetAsideColumns before, SetAsideOf(records));
    GF_ASSIGN_OR_RETURN(const auto servers_now, ServersOf(records));
    const auto used = [&](const std::map<std::string, ServerRecord>& servers, uint64_t column) {
      return std::any_of(servers.begin(), servers.end(),
                         [&](const auto& server) { return server.second.Uses(column); });
    };
    std::vector<uint64_t> unused;
    MutexLock lock(&mu_);
    for (const auto& [column, num_chunks] : stored) {
      // In a shared store, columns that are aside already may be in use still, and what was written
      // since the columns were listed belongs to a server that is alive.
      const bool known = !server_key_.empty() && before.contains(column);
      const bool free = !references_.contains(column) && column < reserved &&
                        !used(servers_before, column) && !used(servers_now, column);
      if (known || free) unused.push_back(column);
    }
    SetAsideColumns after = MergeSetAside(before, unused, absl::Now());
    // Those of versions that were deleted since are in no list.
    if (!server_key_.empty()) after.insert(before.begin(), before.end());
    return std::vector<RecordEdit>{SetAsideEdit(after)};
  });
}

}  // namespace graphfeed
