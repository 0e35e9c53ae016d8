#include "storage/catalog.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "storage/base/digest.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/cache.h"
#include "storage/column_check.h"
#include "storage/dataset.h"
#include "storage/ingest/added_column.h"
#include "storage/ingest/new_columns.h"
#include "storage/ingest/session.h"
#include "storage/ingest/spec.h"
#include "storage/manifest/manifest.h"
#include "storage/set_aside.h"
#include "storage/sweeper.h"

namespace graphfeed {
namespace {

// Records: the format of the store, a manifest per version, the first column uid that was never
// reserved, for names whose newest versions were deleted the highest number given out, and the
// columns that await their removal.
constexpr absl::string_view kFormatKey = "format";
constexpr absl::string_view kFormat = "2";
constexpr absl::string_view kOlderFormat = "1";  // differs in where the store keeps records
constexpr absl::string_view kManifestPrefix = "manifest/";
constexpr absl::string_view kNextColumnKey = "next_column";
constexpr absl::string_view kNewestPrefix = "newest/";
// Uids are reserved in blocks, so that not every column costs a synced write.
constexpr uint64_t kColumnsReserved = 256;
constexpr int64_t kMaxChunkBytes = int64_t{64} << 20;

std::string ManifestKey(absl::string_view name, int64_t version) {
  return absl::StrCat(kManifestPrefix, name, "@", version);
}

// Everything behind the catalog. Owned by it, by running ingests and by open datasets together, so
// that each may go in any order.
class Engine : public IngestHost, public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::unique_ptr<ChunkStore> store, const CatalogOptions& options)
      : options_(options),
        store_(std::move(store)),
        cache_(*store_, options.memory_budget_bytes),
        set_aside_(*store_) {}

  absl::Status Load();

  std::vector<DatasetInfo> List() const;
  absl::StatusOr<DatasetInfo> Get(absl::string_view reference) const;
  absl::StatusOr<std::shared_ptr<Dataset>> OpenDataset(absl::string_view reference);
  absl::StatusOr<DatasetInfo> AddColumn(absl::string_view reference, const ColumnBlock& column);
  absl::StatusOr<DatasetInfo> AddColumn(const Dataset& base, const ColumnBlock& column);
  absl::Status Delete(absl::string_view name, int64_t version);
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to,
                                                    ChunkStore::SnapshotCheck check);
  absl::Status Sweep();
  absl::Status Health() const { return store_->Health(); }
  absl::StatusOr<std::unique_ptr<GraphSink>> StartIngest(IngestSpec spec);
  StorageStats stats() const;
  const CatalogOptions& options() const { return options_; }

  ChunkStore& store() override { return *store_; }
  absl::StatusOr<uint64_t> NewColumn() override;
  absl::StatusOr<DatasetInfo> Publish(Manifest manifest) override;
  void Discard(absl::Span<const uint64_t> columns) override;
  void AddIngestBytes(int64_t change) override { ingest_bytes_ += change; }

 private:
  struct Version {
    std::shared_ptr<const Manifest> manifest;
    std::weak_ptr<Dataset> open;  // so that all who have it open share one
  };
  using Versions = std::map<int64_t, Version>;

  absl::Status LoadRecord(const std::string& key, const std::string& value);
  // Publishes `base`, whose columns are referenced, and the column.
  absl::StatusOr<DatasetInfo> PublishWithColumn(const Manifest& base, const ColumnBlock& column);
  // DATA_LOSS names a dataset of which a column is missing, or has fewer chunks than it should.
  absl::Status CheckColumns(absl::Span<const ColumnChunks> stored);
  absl::Status SetUnusedAside(absl::Span<const ColumnChunks> stored);
  absl::Status CheckWritable() const;
  // Gives the manifest its number, if it has none, or says that it is in use.
  absl::Status Number(DatasetInfo& info) const;
  // Discards the columns of a manifest that nobody will know.
  void Drop(const Manifest& manifest);
  absl::StatusOr<Version*> Find(absl::string_view name, std::optional<int64_t> version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Reference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns the columns that nobody uses any more.
  std::vector<uint64_t> Unreference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Unreferences, and discards what nobody uses any more.
  void Release(const Manifest& manifest);
  // The same without waiting for the store.
  void ReleaseSoon(const Manifest& manifest);

  const CatalogOptions options_;
  const std::unique_ptr<ChunkStore> store_;
  ChunkCache cache_;
  std::atomic<int64_t> ingest_bytes_{0};
  std::atomic<int64_t> offsets_bytes_{0};

  // Held while manifests are written; before mu_.
  Mutex publish_mu_;
  mutable Mutex mu_;
  mutable std::map<std::string, Versions, std::less<>> datasets_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int64_t, std::less<>> newest_ ABSL_GUARDED_BY(mu_);
  // Versions and open datasets that use a column. A column without any is swept.
  absl::flat_hash_map<uint64_t, int> references_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> garbage_ ABSL_GUARDED_BY(mu_);  // could not be deleted yet

  SetAside set_aside_;

  Mutex columns_mu_;
  uint64_t next_column_ ABSL_GUARDED_BY(columns_mu_) = 1;
  uint64_t reserved_columns_ ABSL_GUARDED_BY(columns_mu_) = 1;  // the first not reserved

  Sweeper sweeper_{[this](const std::vector<uint64_t>& columns) { Discard(columns); }};
};

absl::Status Engine::Load() {
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

absl::Status Engine::CheckColumns(absl::Span<const ColumnChunks> stored) {
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

absl::Status Engine::LoadRecord(const std::string& key, const std::string& value) {
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
absl::Status Engine::SetUnusedAside(absl::Span<const ColumnChunks> stored) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    for (const ColumnChunks& column : stored) {
      if (!references_.contains(column.column)) unused.push_back(column.column);
    }
  }
  return set_aside_.Note(unused, absl::Now());
}

absl::Status Engine::Sweep() {
  if (options_.read_only) return absl::OkStatus();
  return set_aside_.Remove(absl::Now(), options_.sweep_after, [this](uint64_t column) {
    MutexLock lock(&mu_);
    return references_.contains(column);
  });
}

absl::Status Engine::CheckWritable() const {
  if (!options_.read_only) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the data folder is served read only; nothing can be changed");
}

absl::StatusOr<uint64_t> Engine::NewColumn() {
  MutexLock lock(&columns_mu_);
  if (next_column_ == reserved_columns_) {
    const uint64_t reserved = next_column_ + kColumnsReserved;
    GF_RETURN_IF_ERROR(store_->PutRecord(kNextColumnKey, absl::StrCat(reserved)));
    reserved_columns_ = reserved;
  }
  return next_column_++;
}

void Engine::Reference(const Manifest& manifest) {
  for (const uint64_t column : manifest.uids()) ++references_[column];
}

std::vector<uint64_t> Engine::Unreference(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  for (const uint64_t column : manifest.uids()) {
    const auto it = references_.find(column);
    if (--it->second > 0) continue;
    references_.erase(it);
    unused.push_back(column);
  }
  return unused;
}

void Engine::Discard(absl::Span<const uint64_t> columns) {
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

absl::Status Engine::Number(DatasetInfo& info) const {
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

void Engine::Drop(const Manifest& manifest) {
  {
    MutexLock lock(&mu_);
    Reference(manifest);
  }
  Release(manifest);
}

absl::StatusOr<DatasetInfo> Engine::Publish(Manifest manifest) {
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

absl::StatusOr<std::unique_ptr<GraphSink>> Engine::StartIngest(IngestSpec spec) {
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

absl::StatusOr<Engine::Version*> Engine::Find(absl::string_view name,
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

std::vector<DatasetInfo> Engine::List() const {
  MutexLock lock(&mu_);
  std::vector<DatasetInfo> infos;
  for (const auto& [name, versions] : datasets_) {
    for (const auto& [number, version] : versions) infos.push_back(version.manifest->info);
  }
  return infos;
}

absl::StatusOr<DatasetInfo> Engine::Get(absl::string_view reference) const {
  GF_ASSIGN_OR_RETURN(const DatasetReference parsed, ParseDatasetReference(reference));
  MutexLock lock(&mu_);
  GF_ASSIGN_OR_RETURN(const Version* version, Find(parsed.name, parsed.version));
  return version->manifest->info;
}

absl::StatusOr<std::shared_ptr<Dataset>> Engine::OpenDataset(absl::string_view reference) {
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

void Engine::Release(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    unused = Unreference(manifest);
  }
  Discard(unused);
}

void Engine::ReleaseSoon(const Manifest& manifest) {
  std::vector<uint64_t> unused;
  {
    MutexLock lock(&mu_);
    unused = Unreference(manifest);
  }
  sweeper_.Post(unused);
}

absl::StatusOr<DatasetInfo> Engine::AddColumn(absl::string_view reference,
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

absl::StatusOr<DatasetInfo> Engine::AddColumn(const Dataset& base, const ColumnBlock& column) {
  // Open, it keeps its columns.
  return PublishWithColumn(*ManifestOf(base), column);
}

absl::StatusOr<DatasetInfo> Engine::PublishWithColumn(const Manifest& base,
                                                      const ColumnBlock& column) {
  GF_RETURN_IF_ERROR(CheckWritable());
  NewColumns columns(*this);
  GF_ASSIGN_OR_RETURN(Manifest manifest,
                      WithColumn(*this, base, column, options_.chunk_bytes, columns));
  columns.Keep();
  return Publish(std::move(manifest));
}

absl::Status Engine::Delete(absl::string_view name, int64_t version) {
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

absl::StatusOr<std::vector<DatasetInfo>> Engine::Snapshot(const std::string& to,
                                                          ChunkStore::SnapshotCheck check) {
  MutexLock publish_lock(&publish_mu_);  // what is listed is what is copied
  GF_RETURN_IF_ERROR(store_->Snapshot(to, check));
  return List();
}

StorageStats Engine::stats() const {
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

class StoreCatalog : public Catalog {
 public:
  explicit StoreCatalog(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::vector<DatasetInfo> List() const override { return engine_->List(); }
  absl::StatusOr<DatasetInfo> Get(absl::string_view name) const override {
    return engine_->Get(name);
  }
  absl::StatusOr<std::shared_ptr<Dataset>> OpenDataset(absl::string_view name) override {
    return engine_->OpenDataset(name);
  }
  absl::StatusOr<std::unique_ptr<GraphSink>> StartIngest(IngestSpec spec) override {
    return engine_->StartIngest(std::move(spec));
  }
  absl::StatusOr<DatasetInfo> AddColumn(absl::string_view name, ColumnBlock column) override {
    return engine_->AddColumn(name, column);
  }
  absl::StatusOr<DatasetInfo> AddColumn(const Dataset& base, ColumnBlock column) override {
    return engine_->AddColumn(base, column);
  }
  absl::Status Delete(absl::string_view name, int64_t version) override {
    return engine_->Delete(name, version);
  }
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to,
                                                    ChunkStore::SnapshotCheck check) override {
    return engine_->Snapshot(to, check);
  }
  absl::Status Sweep() override { return engine_->Sweep(); }
  absl::Status Health() const override { return engine_->Health(); }
  StorageStats stats() const override { return engine_->stats(); }

 private:
  const std::shared_ptr<Engine> engine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> Catalog::Open(std::unique_ptr<ChunkStore> store,
                                                       const CatalogOptions& options) {
  if (options.memory_budget_bytes < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory_budget_bytes is ", options.memory_budget_bytes, "; it is at least 0"));
  }
  if (options.ingest_memory_bytes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("ingest_memory_bytes is ", options.ingest_memory_bytes, "; it is at least 1"));
  }
  if (options.chunk_bytes < 1 || options.chunk_bytes > kMaxChunkBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk_bytes is ", options.chunk_bytes, "; it is 1 to ", kMaxChunkBytes));
  }
  auto engine = std::make_shared<Engine>(std::move(store), options);
  GF_RETURN_IF_ERROR(engine->Load());
  return std::make_unique<StoreCatalog>(std::move(engine));
}

}  // namespace graphfeed
