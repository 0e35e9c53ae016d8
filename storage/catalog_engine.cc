#include "storage/catalog_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/catalog_records.h"
#include "storage/dataset.h"
#include "storage/ingest/added_column.h"
#include "storage/ingest/new_columns.h"
#include "storage/ingest/session.h"
#include "storage/ingest/spec.h"

namespace graphfeed {

absl::Status CatalogEngine::Sweep() {
  if (options_.read_only) return absl::OkStatus();
  return set_aside_.Remove(absl::Now(), options_.sweep_after, [this](uint64_t column) {
    MutexLock lock(&mu_);
    return references_.contains(column);
  });
}

absl::Status CatalogEngine::CheckWritable() const {
  if (!options_.read_only) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the data folder is served read only; nothing can be changed");
}

absl::StatusOr<uint64_t> CatalogEngine::NewColumn() {
  MutexLock lock(&columns_mu_);
  if (next_column_ == reserved_columns_) {
    const uint64_t reserved = next_column_ + kColumnsReserved;
    GF_RETURN_IF_ERROR(store_->PutRecord(kNextColumnKey, absl::StrCat(reserved)));
    reserved_columns_ = reserved;
  }
  return next_column_++;
}

void CatalogEngine::Reference(const Manifest& manifest) {
  for (const uint64_t column : manifest.uids()) ++references_[column];
}

std::vector<uint64_t> CatalogEngine::Unreference(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  for (const uint64_t column : manifest.uids()) {
    const auto it = references_.find(column);
    if (--it->second > 0) continue;
    references_.erase(it);
    unused.push_back(column);
  }
  return unused;
}

void CatalogEngine::Discard(absl::Span<const uint64_t> columns) {
  if (columns.empty()) return;
  std::vector<uint64_t> doomed(columns.begin(), columns.end());
  for (const uint64_t column : columns) cache_.Forget(column);
  {
    MutexLock lock(&mu_);
    doomed.insert(doomed.end(), garbage_.begin(), garbage_.end());
    garbage_.clear();
  }
  if (store_->DeleteColumns(doomed).ok()) return;
  // Tried again with the next ones and at the next start.
  MutexLock lock(&mu_);
  garbage_.insert(garbage_.end(), doomed.begin(), doomed.end());
}

absl::Status CatalogEngine::Number(DatasetInfo& info) const {
  MutexLock lock(&mu_);
  const auto dataset = datasets_.find(info.name);
  if (info.version == 0) {
    if (const auto it = newest_.find(info.name); it != newest_.end()) info.version = it->second;
    if (dataset != datasets_.end()) {
      info.version = std::max(info.version, dataset->second.rbegin()->first);
    }
    if (info.version >= kMaxVersion) {
      return absl::FailedPreconditionError(
          absl::StrCat("\"", info.name, "@", info.version, "\" has the last number that there is"));
    }
    ++info.version;
    return absl::OkStatus();
  }
  if (dataset == datasets_.end()) return absl::OkStatus();
  const auto version = dataset->second.find(info.version);
  if (version == dataset->second.end()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("\"", info.name, "@", info.version, "\" exists, with fingerprint ",
                   DigestHex(version->second.manifest->info.fingerprint)));
}

void CatalogEngine::Drop(const Manifest& manifest) {
  {
    MutexLock lock(&mu_);
    Reference(manifest);
  }
  Release(manifest);
}

absl::StatusOr<DatasetInfo> CatalogEngine::Publish(Manifest manifest) {
  MutexLock publish_lock(&publish_mu_);
  if (absl::Status status = Number(manifest.info); !status.ok()) {
    Drop(manifest);
    return status;
  }
  const std::string key = ManifestKey(manifest.info.name, manifest.info.version);
  if (absl::Status status = store_->PutRecord(key, EncodeManifest(manifest)); !status.ok()) {
    // The record may be there nevertheless. Where that cannot be undone, its columns stay, and the
    // next start finds both or neither. Columns that it shares with other versions stay anyway.
    if (store_->DeleteRecord(key).ok()) Drop(manifest);
    return status;
  }
  const auto published = std::make_shared<const Manifest>(std::move(manifest));
  MutexLock lock(&mu_);
  Reference(*published);
  datasets_[published->info.name][published->info.version].manifest = published;
  return published->info;
}

absl::StatusOr<std::unique_ptr<GraphSink>> CatalogEngine::StartIngest(IngestSpec spec) {
  GF_RETURN_IF_ERROR(CheckWritable());
  // Said before the rows are sent; Publish decides.
  if (spec.copy_of.has_value() && spec.copy_of->version > 0) {
    DatasetInfo copy;
    copy.name = spec.name;
    copy.version = spec.copy_of->version;
    GF_RETURN_IF_ERROR(Number(copy));
  }
  return StartIngestSession(
      shared_from_this(), std::move(spec),
      {.memory_bytes = options_.ingest_memory_bytes, .chunk_bytes = options_.chunk_bytes});
}

absl::StatusOr<CatalogEngine::Version*> CatalogEngine::Find(absl::string_view name,
                                                            std::optional<int64_t> version) const {
  const auto dataset = datasets_.find(name);
  if (dataset == datasets_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no dataset \"", name, "\""));
  }
  Versions& versions = dataset->second;
  if (!version) return &versions.rbegin()->second;
  if (const auto it = versions.find(*version); it != versions.end()) return &it->second;
  return absl::NotFoundError(absl::StrCat(
      "dataset \"", name, "\" has no version ", *version,
      "; versions: ", absl::StrJoin(versions, ", ", [](std::string* out, const auto& entry) {
        absl::StrAppend(out, entry.first);
      })));
}

std::vector<DatasetInfo> CatalogEngine::List() const {
  MutexLock lock(&mu_);
  std::vector<DatasetInfo> infos;
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) infos.push_back(version.manifest->info);
  }
  return infos;
}

absl::StatusOr<DatasetInfo> CatalogEngine::Get(absl::string_view reference) const {
  GF_ASSIGN_OR_RETURN(const DatasetReference parsed, ParseDatasetReference(reference));
  MutexLock lock(&mu_);
  GF_ASSIGN_OR_RETURN(const Version* version, Find(parsed.name, parsed.version));
  return version->manifest->info;
}

absl::StatusOr<std::shared_ptr<Dataset>> CatalogEngine::OpenDataset(absl::string_view reference) {
  GF_ASSIGN_OR_RETURN(const DatasetReference parsed, ParseDatasetReference(reference));
  std::shared_ptr<const Manifest> manifest;
  {
    MutexLock lock(&mu_);
    GF_ASSIGN_OR_RETURN(const Version* version, Find(parsed.name, parsed.version));
    if (std::shared_ptr<Dataset> open = version->open.lock()) return open;
    manifest = version->manifest;
    Reference(*manifest);  // until it is closed
  }
  offsets_bytes_ += OffsetsBytes(*manifest);
  GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset,
                      LoadDataset(manifest, *store_, cache_,
                                  [engine = shared_from_this(), manifest](int64_t offsets_bytes) {
                                    engine->offsets_bytes_ -= offsets_bytes;
                                    engine->ReleaseSoon(*manifest);
                                  }));
  std::shared_ptr<Dataset> open;  // outlives the lock, which closing a dataset takes
  MutexLock lock(&mu_);
  const auto found = Find(manifest->info.name, manifest->info.version);
  if (!found.ok()) return dataset;  // deleted meanwhile
  open = (*found)->open.lock();
  if (open != nullptr) return open;  // another thread was faster
  (*found)->open = dataset;
  return dataset;
}

void CatalogEngine::Release(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    unused = Unreference(manifest);
  }
  Discard(unused);
}

void CatalogEngine::ReleaseSoon(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    unused = Unreference(manifest);
  }
  sweeper_.Post(unused);
}

absl::StatusOr<DatasetInfo> CatalogEngine::AddColumn(absl::string_view reference,
                                                     const ColumnBlock& column) {
  GF_RETURN_IF_ERROR(CheckWritable());
  GF_ASSIGN_OR_RETURN(const DatasetReference parsed, ParseDatasetReference(reference));
  std::shared_ptr<const Manifest> base;
  {
    MutexLock lock(&mu_);
    GF_ASSIGN_OR_RETURN(const Version* version, Find(parsed.name, parsed.version));
    base = version->manifest;
    Reference(*base);  // until the new version does it, even if this one is deleted meanwhile
  }
  absl::StatusOr<DatasetInfo> info = PublishWithColumn(*base, column);
  Release(*base);
  return info;
}

absl::StatusOr<DatasetInfo> CatalogEngine::AddColumn(const Dataset& base,
                                                     const ColumnBlock& column) {
  // Open, it keeps its columns.
  return PublishWithColumn(*ManifestOf(base), column);
}

absl::StatusOr<DatasetInfo> CatalogEngine::PublishWithColumn(const Manifest& base,
                                                             const ColumnBlock& column) {
  GF_RETURN_IF_ERROR(CheckWritable());
  NewColumns columns(*this);
  GF_ASSIGN_OR_RETURN(Manifest manifest,
                      WithColumn(*this, base, column, options_.chunk_bytes, columns));
  columns.Keep();
  return Publish(std::move(manifest));
}

absl::Status CatalogEngine::Delete(absl::string_view name, int64_t version) {
  GF_RETURN_IF_ERROR(CheckWritable());
  GF_RETURN_IF_ERROR(CheckDatasetName(name));
  MutexLock publish_lock(&publish_mu_);
  bool newest = false;
  {
    MutexLock lock(&mu_);
    GF_RETURN_IF_ERROR(Find(name, version).status());
    // The newest one that is there may be a copy, older than one that was deleted.
    const auto deleted = newest_.find(name);
    newest = datasets_.find(name)->second.rbegin()->first == version &&
             (deleted == newest_.end() || deleted->second < version);
  }
  // A number is never given out again: it may still be in somebody's notes.
  if (newest) {
    GF_RETURN_IF_ERROR(store_->PutRecord(absl::StrCat(kNewestPrefix, name), absl::StrCat(version)));
  }
  GF_RETURN_IF_ERROR(store_->DeleteRecord(ManifestKey(name, version)));
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    const auto dataset = datasets_.find(name);
    const auto it = dataset->second.find(version);
    if (newest) newest_[std::string(name)] = version;
    unused = Unreference(*it->second.manifest);
    dataset->second.erase(it);
    if (dataset->second.empty()) datasets_.erase(dataset);
  }
  Discard(unused);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DatasetInfo>> CatalogEngine::Snapshot(const std::string& to,
                                                                 ChunkStore::SnapshotCheck check) {
  MutexLock publish_lock(&publish_mu_);  // what is listed is what is copied
  GF_RETURN_IF_ERROR(store_->Snapshot(to, check));
  return List();
}

StorageStats CatalogEngine::stats() const {
  const ChunkCache::Stats cache = cache_.stats();
  return {.cached_bytes = cache.cached_bytes,
          .memory_budget_bytes = cache.budget_bytes,
          .offsets_bytes = offsets_bytes_,
          .ingest_bytes = ingest_bytes_,
          .stored_bytes = store_->StoredBytes(),
          .chunk_hits = cache.hits,
          .chunk_misses = cache.misses,
          .chunk_evictions = cache.evictions,
          .chunk_read_bytes = cache.read_bytes,
          .set_aside_columns = set_aside_.size()};
}

}  // namespace graphfeed
