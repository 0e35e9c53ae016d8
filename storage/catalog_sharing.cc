// What a catalog does about columns that nobody uses any more, and so that servers may share its
// store (servers.h).

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/base/status_macros.h"
#include "storage/catalog_engine.h"
#include "storage/catalog_records.h"

namespace graphfeed {

absl::StatusOr<uint64_t> CatalogEngine::NewColumn() {
  MutexLock reserve_lock(&reserve_mu_);
  while (true) {
    {
      MutexLock lock(&mu_);
      if (next_column_ < reserved_columns_) {
        if (!server_key_.empty()) writing_.insert(next_column_);
        return next_column_++;
      }
    }
    GF_RETURN_IF_ERROR(ReserveColumns());
  }
}

absl::Status CatalogEngine::ReserveColumns() {
  absl::Status status =
      Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
        ColumnRange reserved;
        GF_ASSIGN_OR_RETURN(reserved.first, NextColumn(records));
        reserved.end = reserved.first + kColumnsReserved;
        GF_ASSIGN_OR_RETURN(const SetAsideColumns set_aside, SetAsideOf(records));
        std::vector<RecordEdit> edits = {{std::string(kNextColumnKey), absl::StrCat(reserved.end)}};
        MutexLock lock(&mu_);
        reserving_ = reserved;
        if (server_key_.empty()) return edits;
        edits.push_back(SetAsideSeen(records));
        edits.push_back({server_key_, EncodeServer(OwnRecord(set_aside))});
        return edits;
      });
  MutexLock lock(&mu_);
  const ColumnRange reserved = std::exchange(reserving_, {});
  if (!status.ok()) return status;
  // None where the lease was lost meanwhile: then others may remove what would be written.
  next_column_ = reserved.first;
  reserved_columns_ = reserved.end;
  return absl::OkStatus();
}

RecordEdit CatalogEngine::SetAsideSeen(const RecordMap& records) {
  return {std::string(kSetAsideKey), FindRecord(records, kSetAsideKey)};
}

ServerRecord CatalogEngine::OwnRecord(const SetAsideColumns& set_aside) {
  ServerRecord own;
  own.beat = ++beat_;
  for (const uint64_t column : writing_) own.writes.push_back({column, column + 1});
  // What is given out until the next record, too.
  for (const ColumnRange& range : {ColumnRange{next_column_, reserved_columns_}, reserving_}) {
    if (range.first < range.end) own.writes.push_back(range);
  }
  own.writes = Joined(std::move(own.writes));
  for (const auto& [column, seen] : set_aside) {
    if (references_.contains(column)) own.reads.push_back(column);
  }
  return own;
}

void CatalogEngine::LoseLease() {
  writing_.clear();
  next_column_ = reserved_columns_ = 0;
  reserving_ = {};
}

std::vector<uint64_t> CatalogEngine::ColumnsOfNoOther(const Manifest& manifest) const {
  std::set<uint64_t> columns;
  for (const uint64_t column : manifest.uids()) columns.insert(column);
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) {
      if (name == manifest.info.name && number == manifest.info.version) continue;
      for (const uint64_t column : version.manifest->uids()) columns.erase(column);
    }
  }
  return {columns.begin(), columns.end()};
}

absl::Status CatalogEngine::HoldColumns(const Manifest& manifest, const RecordMap& records,
                                        std::vector<RecordEdit>& edits) {
  ServerRecord own;
  if (const auto record = records.find(server_key_); record != records.end()) {
    GF_ASSIGN_OR_RETURN(own, DecodeServer(record->second));
    edits.push_back({server_key_, record->second});
  }
  GF_ASSIGN_OR_RETURN(SetAsideColumns set_aside, SetAsideOf(records));
  const size_t num_set_aside = set_aside.size();
  std::map<std::string, std::string> bases;
  MutexLock lock(&mu_);
  for (const uint64_t column : manifest.uids()) {
    const bool written_here =
        std::any_of(own.writes.begin(), own.writes.end(),
                    [&](const ColumnRange& range) { return range.Contains(column); });
    if (written_here || set_aside.erase(column) > 0) continue;
    const auto holder = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> std::string {
      for (const auto& [name, versions] : datasets_) {
        for (const auto& [number, version] : versions) {
          const std::vector<uint64_t> uids = version.manifest->uids();
          if (std::find(uids.begin(), uids.end(), column) != uids.end()) {
            return ManifestKey(name, number);
          }
        }
      }
      return "";
    }();
    if (holder.empty()) {
      return absl::AbortedError(absl::StrCat(
          "\"", manifest.info.name,
          "\" was not published: this server was not heard of for so long that others have taken "
          "it for dead, and may have removed what it wrote; ingest it again"));
    }
    bases.emplace(holder, records.at(holder));
  }
  for (auto& [key, value] : bases) edits.push_back({key, std::move(value)});
  if (set_aside.size() != num_set_aside) edits.push_back(SetAsideEdit(set_aside));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RecordEdit>> CatalogEngine::DeletionEdits(
    const Manifest& manifest, const RecordMap& records) const {
  const std::string& name = manifest.info.name;
  const int64_t version = manifest.info.version;
  std::vector<RecordEdit> edits = {{ManifestKey(name, version), std::nullopt}};
  GF_ASSIGN_OR_RETURN(const int64_t deleted, HighestDeleted(records, name));
  // A number is never given out again: it may still be in somebody's notes. The newest one that
  // is there may be a copy, older than one that was deleted. Servers that share the store must
  // see any deletion here, since they may not know of newer versions yet.
  const bool newest = datasets_.find(name)->second.rbegin()->first == version;
  if ((newest || !server_key_.empty()) && deleted < version) {
    edits.push_back({NewestKey(name), absl::StrCat(version)});
  }
  if (server_key_.empty()) return edits;
  GF_ASSIGN_OR_RETURN(SetAsideColumns set_aside, SetAsideOf(records));
  for (const uint64_t column : ColumnsOfNoOther(manifest)) {
    set_aside.emplace(column, absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())));
  }
  edits.push_back(SetAsideEdit(set_aside));
  return edits;
}

absl::Status CatalogEngine::Undo(const Manifest& manifest) {
  const std::string key = ManifestKey(manifest.info.name, manifest.info.version);
  return Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
    // None, or what another server has published under the number: nor will it be ours any more.
    std::optional<std::string> there = FindRecord(records, key);
    if (there != EncodeManifest(manifest)) return std::vector<RecordEdit>{{key, std::move(there)}};
    // Others may have it open.
    MutexLock lock(&mu_);
    return DeletionEdits(manifest, records);
  });
}

absl::Status CatalogEngine::Settle(absl::Span<const Manifest> manifests) {
  GF_RETURN_IF_ERROR(Refresh());
  const RecordMap records = records_.Copy();
  GF_ASSIGN_OR_RETURN(const SetAsideColumns set_aside, SetAsideOf(records));
  for (const Manifest& manifest : manifests) {
    const DatasetInfo& info = manifest.info;
    if (FindRecord(records, ManifestKey(info.name, info.version)) == EncodeManifest(manifest)) {
      continue;
    }
    {
      MutexLock lock(&mu_);
      // It was there, and somebody has deleted it.
      for (const auto& [column, seen] : set_aside) writing_.erase(column);
      Reference(manifest);
    }
    ReleaseSoon(manifest);
  }
  return absl::OkStatus();
}

absl::Status CatalogEngine::KeepUp() {
  if (server_key_.empty()) {
    store_->Tidy();
    return absl::OkStatus();
  }
  // Nothing but records is asked for: whoever waits for other objects is silent meanwhile.
  MutexLock keep_up_lock(&keep_up_mu_);
  GF_RETURN_IF_ERROR(Refresh());
  const RecordMap seen = records_.Copy();
  const auto now = options_.clock();
  RecordMap others = ServerRecordsOf(seen);
  others.erase(server_key_);
  others_.Observe(others, now);
  GF_ASSIGN_OR_RETURN(const SetAsideColumns set_aside, SetAsideOf(seen));
  aside_.Observe(set_aside, seen, now);
  if (read_only_) return absl::OkStatus();

  const std::vector<std::string> silent = others_.For(options_.lease);
  // Their records go first; what they have begun, the next sweep sets aside.
  orphans_ = orphans_ || !silent.empty();
  std::vector<Manifest> unsettled;
  {
    MutexLock lock(&mu_);
    unsettled.swap(unsettled_);
  }
  absl::Status status =
      Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
        GF_ASSIGN_OR_RETURN(const SetAsideColumns current, SetAsideOf(records));
        std::vector<RecordEdit> edits;
        for (const std::string& key : silent) {
          const auto record = records.find(key);
          if (record == records.end() || record->second != others.find(key)->second) continue;
          edits.push_back({key, std::nullopt});
        }
        edits.push_back(SetAsideSeen(records));
        MutexLock lock(&mu_);
        edits.push_back({server_key_, EncodeServer(OwnRecord(current))});
        return edits;
      });
  if (unsettled.empty()) return status;
  // With that, they have been published or never will be.
  if (status.ok()) status = Settle(unsettled);
  if (status.ok()) return status;
  MutexLock lock(&mu_);
  std::move(unsettled.begin(), unsettled.end(), std::back_inserter(unsettled_));
  return status;
}

absl::Status CatalogEngine::SetOrphansAside() {
  {
    MutexLock keep_up_lock(&keep_up_mu_);
    if (!std::exchange(orphans_, false)) return absl::OkStatus();
  }
  const RecordMap earlier = records_.Copy();
  const absl::StatusOr<std::vector<ColumnChunks>> stored = store_->ListColumns();
  absl::Status status = stored.ok() ? SetUnusedAside(earlier, *stored) : stored.status();
  if (status.ok()) return status;
  MutexLock keep_up_lock(&keep_up_mu_);
  orphans_ = true;
  return status;
}

absl::Status CatalogEngine::Sweep() {
  if (!server_key_.empty()) store_->Tidy();
  if (read_only_) return absl::OkStatus();
  GF_RETURN_IF_ERROR(SetOrphansAside());
  std::vector<uint64_t> doomed;
  {
    MutexLock keep_up_lock(&keep_up_mu_);
    absl::Status status =
        Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
          doomed.clear();
          GF_ASSIGN_OR_RETURN(SetAsideColumns columns, SetAsideOf(records));
          GF_ASSIGN_OR_RETURN(const auto servers, ServersOf(records));
          const RecordMap server_records = ServerRecordsOf(records);
          // Nobody begins to use a column that all know to be set aside, but who publishes it and
          // takes it out of the record: so it is no matter what else changes meanwhile.
          const auto is_free = [&](uint64_t column) ABSL_NO_THREAD_SAFETY_ANALYSIS {
            return aside_.IsKnown(column, options_.clock(), 2 * options_.lease, server_records) &&
                   std::none_of(servers.begin(), servers.end(),
                                [&](const auto& server) { return server.second.Uses(column); });
          };
          MutexLock lock(&mu_);
          for (const uint64_t column : DueColumns(columns, absl::Now(), options_.sweep_after)) {
            const bool used = references_.contains(column);
            if (!server_key_.empty() && (used || !is_free(column))) continue;
            columns.erase(column);
            if (!used) doomed.push_back(column);
          }
          return std::vector<RecordEdit>{SetAsideEdit(columns)};
        });
    if (!status.ok()) {
      // The columns may have been taken out of the record nevertheless.
      orphans_ = orphans_ || !server_key_.empty();
      return status;
    }
  }
  {
    MutexLock lock(&mu_);
    doomed.insert(doomed.end(), garbage_.begin(), garbage_.end());
    garbage_.clear();
  }
  return DeleteOrKeepAsGarbage(std::move(doomed));
}

absl::Status CatalogEngine::DeleteOrKeepAsGarbage(std::vector<uint64_t> columns) {
  if (columns.empty()) return absl::OkStatus();
  absl::Status status = store_->DeleteColumns(columns);
  if (status.ok()) return status;
  MutexLock lock(&mu_);
  garbage_.insert(garbage_.end(), columns.begin(), columns.end());
  return status;
}

absl::Status CatalogEngine::WhyNotRead(const DatasetInfo& info, absl::Status status) {
  if (!absl::IsDataLoss(status) || server_key_.empty()) return status;
  {
    // Whoever comes meanwhile waits for the answer. What is removed was deleted two leases before.
    MutexLock asking_lock(&asking_mu_);
    const auto now = options_.clock();
    if (!asked_.has_value() || now - *asked_ >= std::chrono::seconds(1)) {
      if (!Refresh().ok()) return status;
      asked_ = now;
    }
  }
  const std::string version = absl::StrCat(info.name, "@", info.version);
  if (!absl::IsNotFound(Get(version).status())) return status;
  return absl::NotFoundError(
      absl::StrCat("\"", version, "\" was deleted, and removed while it was read"));
}

std::vector<Fingerprint> CatalogEngine::DeletedButOpen() {
  MutexLock lock(&mu_);
  std::erase_if(deleted_, [](const DeletedVersion& version) { return version.open.expired(); });
  std::vector<Fingerprint> fingerprints;
  for (const DeletedVersion& version : deleted_) fingerprints.push_back(version.fingerprint);
  return fingerprints;
}

}  // namespace graphfeed
