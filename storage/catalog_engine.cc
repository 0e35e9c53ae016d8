#include "storage/catalog_engine.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/catalog_records.h"
#include "storage/dataset.h"
#include "storage/ingest/added_column.h"
#include "storage/ingest/new_columns.h"
#include "storage/ingest/session.h"
#include "storage/ingest/spec.h"

namespace graphfeed {
namespace {

// No other server has it.
std::string NewServerKey() {
  std::random_device random;
  const uint64_t id = uint64_t{random()} << 32 | random();
  return absl::StrCat(kServerPrefix, absl::Hex(id, absl::kZeroPad16));
}

}  // namespace

CatalogEngine::CatalogEngine(std::unique_ptr<ChunkStore> store, const CatalogOptions& options)
    : options_(options),
      store_(std::move(store)),
      read_only_(options.read_only || store_->read_only()),
      server_key_(store_->shared() ? NewServerKey() : ""),
      cache_(*store_, options.memory_budget_bytes),
      records_(*store_, [this](const RecordMap& records, absl::Span<const RecordChange> changes) {
        return Apply(records, changes);
      }) {}

CatalogEngine::~CatalogEngine() {
  if (server_key_.empty() || read_only_) return;
  {
    MutexLock keep_up_lock(&keep_up_mu_);
    MutexLock lock(&mu_);
    // Others look what the dead have left.
    if (orphans_ || !garbage_.empty() || !writing_.empty()) return;
  }
  // Whoever does not say so is taken for dead after a while.
  (void)records_.Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
    if (!records.contains(server_key_)) return std::vector<RecordEdit>();
    return std::vector<RecordEdit>{{server_key_, std::nullopt}};
  });
}

absl::Status CatalogEngine::Refresh() {
  absl::Status status = records_.Refresh();
  DiscardUnused();
  return status;
}

absl::Status CatalogEngine::Update(Records::Edit edit) {
  absl::Status status = records_.Update(edit);
  DiscardUnused();
  return status;
}

void CatalogEngine::DiscardUnused() {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    unused.swap(unused_);
  }
  Discard(unused);
}

absl::Status CatalogEngine::CheckWritable() const {
  if (!read_only_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "what is stored is served read only; nothing can be changed");
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
  std::vector<uint64_t> doomed;
  for (const uint64_t column : columns) cache_.Forget(column);
  store_->ForgetColumns(columns);
  {
    MutexLock lock(&mu_);
    for (const uint64_t column : columns) {
      // What was published, other servers may be reading: it is set aside and swept.
      if (server_key_.empty() || writing_.erase(column) > 0) doomed.push_back(column);
    }
  }
  const WorkScope whoever_waits{CancelToken()};
  (void)DeleteOrKeepAsGarbage(std::move(doomed));
}

absl::Status CatalogEngine::CheckUnused(const DatasetInfo& info) const {
  MutexLock lock(&mu_);
  const auto dataset = datasets_.find(info.name);
  if (dataset == datasets_.end()) return absl::OkStatus();
  const auto version = dataset->second.find(info.version);
  if (version == dataset->second.end()) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("\"", info.name, "@", info.version, "\" exists, with fingerprint ",
                   DigestHex(version->second.manifest->info.fingerprint)));
}

absl::Status CatalogEngine::Number(const RecordMap& records, DatasetInfo& info) const {
  if (info.version != 0) return CheckUnused(info);
  GF_ASSIGN_OR_RETURN(info.version, HighestDeleted(records, info.name));
  MutexLock lock(&mu_);
  if (const auto dataset = datasets_.find(info.name); dataset != datasets_.end()) {
    info.version = std::max(info.version, dataset->second.rbegin()->first);
  }
  if (info.version >= kMaxVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", info.name, "@", info.version, "\" has the last number that there is"));
  }
  ++info.version;
  return absl::OkStatus();
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
  const int64_t wished = manifest.info.version;
  manifest.published = absl::ToUnixSeconds(absl::Now());
  std::string key;  // what may have been written
  absl::Status status =
      Update([&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
        key.clear();
        manifest.info.version = wished;
        GF_RETURN_IF_ERROR(Number(records, manifest.info));
        const std::string newest = NewestKey(manifest.info.name);
        std::vector<RecordEdit> edits = {{newest, FindRecord(records, newest)}};
        if (!server_key_.empty()) GF_RETURN_IF_ERROR(HoldColumns(manifest, records, edits));
        key = ManifestKey(manifest.info.name, manifest.info.version);
        edits.push_back({key, EncodeManifest(manifest)});
        return edits;
      });
  if (status.ok()) {
    store_->Announce();
    return manifest.info;
  }
  // The record may be there nevertheless. Where that cannot be undone, its columns stay: the next
  // KeepUp, or start, finds both or neither. Columns that it shares with others stay anyway.
  if (key.empty() || Undo(manifest).ok()) {
    Drop(manifest);
  } else if (!server_key_.empty()) {
    MutexLock lock(&mu_);
    unsettled_.push_back(std::move(manifest));
  }
  return status;
}

absl::StatusOr<std::unique_ptr<GraphSink>> CatalogEngine::StartIngest(IngestSpec spec) {
  GF_RETURN_IF_ERROR(CheckWritable());
  // Said before the rows are sent; Publish decides.
  if (spec.copy_of.has_value() && spec.copy_of->version > 0) {
    DatasetInfo copy;
    copy.name = spec.name;
    copy.version = spec.copy_of->version;
    GF_RETURN_IF_ERROR(CheckUnused(copy));
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

std::vector<VersionAge> CatalogEngine::Ages() const {
  MutexLock lock(&mu_);
  std::vector<VersionAge> ages;
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) {
      VersionAge& age = ages.emplace_back();
      age.name = name;
      age.version = number;
      age.fingerprint = version.manifest->info.fingerprint;
      if (const int64_t at = version.manifest->published) age.published = absl::FromUnixSeconds(at);
    }
  }
  return ages;
}

void CatalogEngine::NoteUse(const DatasetInfo& info) {
  MutexLock lock(&mu_);
  const auto version = Find(info.name, info.version);
  if (version.ok()) (*version)->used = options_.clock();
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
  absl::StatusOr<std::shared_ptr<Dataset>> loaded = LoadDataset(
      manifest, *store_, cache_, [engine = shared_from_this(), manifest](int64_t offsets_bytes) {
        engine->offsets_bytes_ -= offsets_bytes;
        engine->NoteUse(manifest->info);
        engine->ReleaseSoon(*manifest);
      });
  if (!loaded.ok()) return WhyNotRead(manifest->info, loaded.status());
  std::shared_ptr<Dataset> dataset = *std::move(loaded);
  std::shared_ptr<Dataset> open;  // outlives the lock, which closing a dataset takes
  MutexLock lock(&mu_);
  const auto found = Find(manifest->info.name, manifest->info.version);
  if (!found.ok() || (*found)->manifest != manifest) {  // deleted meanwhile
    deleted_.push_back({manifest->info.fingerprint, dataset});
    return dataset;
  }
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

absl::Status CatalogEngine::Delete(absl::string_view name, int64_t version,
                                   std::optional<absl::Duration> unused_for) {
  GF_RETURN_IF_ERROR(CheckWritable());
  GF_RETURN_IF_ERROR(CheckDatasetName(name));
  MutexLock publish_lock(&publish_mu_);
  const auto edit = [&](const RecordMap& records) -> absl::StatusOr<std::vector<RecordEdit>> {
    MutexLock lock(&mu_);
    GF_ASSIGN_OR_RETURN(const Version* doomed, Find(name, version));
    if (unused_for.has_value() &&
        (!doomed->open.expired() ||
         absl::FromChrono(options_.clock() - doomed->used) < *unused_for)) {
      return absl::FailedPreconditionError(
          absl::StrCat("\"", name, "@", version, "\" is in use, or was not long ago"));
    }
    return DeletionEdits(*doomed->manifest, records);
  };
  absl::Status status = Update(edit);
  if (status.ok()) store_->Announce();
  return status;
}

absl::StatusOr<std::vector<DatasetInfo>> CatalogEngine::Snapshot(const std::string& to,
                                                                 SnapshotMaker::Check check) {
  SnapshotMaker* const snapshots = store_->snapshots();
  if (snapshots == nullptr) {
    return absl::UnimplementedError(
        "the store makes no snapshots; versions can be exported, or copied to another server");
  }
  MutexLock publish_lock(&publish_mu_);  // what is listed is what is copied
  GF_RETURN_IF_ERROR(snapshots->Snapshot(to, check));
  return List();
}

StorageStats CatalogEngine::stats() const {
  const ChunkCache::Stats cache = cache_.stats();
  int64_t datasets = 0;
  int64_t versions = 0;
  {
    MutexLock lock(&mu_);
    for (const auto& [name, of_name] : datasets_) {
      if (!of_name.empty()) ++datasets;
      versions += static_cast<int64_t>(of_name.size());
    }
  }
  return {.cached_bytes = cache.cached_bytes,
          .chunk_table_bytes = cache.table_bytes,
          .memory_budget_bytes = cache.budget_bytes,
          .offsets_bytes = offsets_bytes_,
          .ingest_bytes = ingest_bytes_,
          .stored_bytes = store_->StoredBytes(),
          .chunk_hits = cache.hits,
          .chunk_misses = cache.misses,
          .chunk_evictions = cache.evictions,
          .chunk_read_bytes = cache.read_bytes,
          .set_aside_columns = set_aside_columns_,
          .datasets = datasets,
          .versions = versions,
          .store = store_->Stats()};
}

}  // namespace graphfeed
