#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "storage/base/status_macros.h"
#include "storage/catalog_engine.h"
#include "storage/catalog_records.h"
#include "storage/column_check.h"

namespace graphfeed {

absl::Status CatalogEngine::Load() {
  using Records = std::vector<std::pair<std::string, std::string>>;
  GF_ASSIGN_OR_RETURN(const Records records, store_->ListRecords());
  const auto record = std::find_if(records.begin(), records.end(),
                                   [](const auto& entry) { return entry.first == kFormatKey; });
  if (record == records.end() && !records.empty()) {
    return absl::DataLossError("the record of the data's format is missing");
  }
  const absl::string_view format = record == records.end() ? kFormat : record->second;
  if (format != kFormat && format != kOlderFormat) {
    return absl::FailedPreconditionError(absl::StrCat("the data is of format \"", format,
                                                      "\"; this program knows \"", kFormat, "\""));
  }
  for (const auto& [key, value] : records) GF_RETURN_IF_ERROR(LoadRecord(key, value));
  GF_ASSIGN_OR_RETURN(const std::vector<ColumnChunks> stored, store_->ListColumns());
  GF_RETURN_IF_ERROR(CheckColumns(stored));
  if (options_.read_only) return absl::OkStatus();
  GF_RETURN_IF_ERROR(store_->StartWriting());
  if (record == records.end() || format != kFormat) {
    GF_RETURN_IF_ERROR(store_->PutRecord(kFormatKey, kFormat));
  }
  // The records of the older format vouch for themselves alone: that start removes nothing.
  if (format == kOlderFormat) return absl::OkStatus();
  GF_RETURN_IF_ERROR(SetUnusedAside(stored));
  return Sweep();
}

absl::Status CatalogEngine::CheckColumns(absl::Span<const ColumnChunks> stored) {
  {
    // Uids are reserved in the catalogue before they are used.
    MutexLock lock(&columns_mu_);
    for (const ColumnChunks& column : stored) {
      if (column.column < reserved_columns_) continue;
      return absl::DataLossError(absl::StrCat(store_->ListingName(), " lists column ",
                                              column.column,
                                              "; the catalogue has given out those below ",
                                              reserved_columns_, ": it is older than the data"));
    }
  }
  const ColumnCheck check(stored, store_->ListingName());
  MutexLock lock(&mu_);
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) {
      GF_RETURN_IF_ERROR(check.Check(*version.manifest));
    }
  }
  return absl::OkStatus();
}

absl::Status CatalogEngine::LoadRecord(const std::string& key, const std::string& value) {
  absl::string_view name = key;
  if (absl::ConsumePrefix(&name, kManifestPrefix)) {
    absl::StatusOr<Manifest> manifest = DecodeManifest(value);
    if (!manifest.ok()) {
      return absl::Status(manifest.status().code(),
                          absl::StrCat("dataset \"", name, "\": ", manifest.status().message()));
    }
    const auto published = std::make_shared<const Manifest>(*std::move(manifest));
    const DatasetInfo& info = published->info;
    if (key != ManifestKey(info.name, info.version)) {
      return absl::DataLossError(absl::StrCat("the manifest of \"", name, "\" is that of \"",
                                              info.name, "@", info.version, "\""));
    }
    MutexLock lock(&mu_);
    Reference(*published);
    datasets_[info.name][info.version].manifest = published;
    return absl::OkStatus();
  }
  if (key == kFormatKey) return absl::OkStatus();
  if (key == kNextColumnKey) {
    MutexLock lock(&columns_mu_);
    if (!absl::SimpleAtoi(value, &next_column_)) {
      return absl::DataLossError(absl::StrCat("record \"", key, "\" holds no number"));
    }
    reserved_columns_ = next_column_;
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&name, kNewestPrefix)) {
    MutexLock lock(&mu_);
    if (!absl::SimpleAtoi(value, &newest_[std::string(name)])) {
      return absl::DataLossError(absl::StrCat("record \"", key, "\" holds no number"));
    }
    return absl::OkStatus();
  }
  if (key == kSetAsideKey) return set_aside_.Load(value);
  return absl::DataLossError(absl::StrCat("unknown record \"", key, "\""));
}

// What the columns of unfinished ingests and deleted versions should be, but for errors of ours: so
// nothing is removed at once.
absl::Status CatalogEngine::SetUnusedAside(absl::Span<const ColumnChunks> stored) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    for (const ColumnChunks& column : stored) {
      if (!references_.contains(column.column)) unused.push_back(column.column);
    }
  }
  return set_aside_.Note(unused, absl::Now());
}

}  // namespace graphfeed
