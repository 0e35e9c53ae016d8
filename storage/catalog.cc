#include "storage/catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/catalog_engine.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxChunkBytes = int64_t{64} << 20;
constexpr absl::Duration kKeepUpEvery = absl::Seconds(1);

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
  auto engine = std::make_shared<CatalogEngine>(std::move(store), options);
  GF_RETURN_IF_ERROR(engine->Load());
  std::unique_ptr<Catalog> catalog(new Catalog(std::move(engine)));
  if (options.listens) catalog->listener_ = catalog->engine_->Listen();
  if (options.keeps_up && catalog->engine_->shared()) {
    catalog->keeper_ = std::thread([kept = catalog.get()] {
      // What fails is tried again; others see in time that this process is gone.
      while (!kept->stop_.WaitFor(kKeepUpEvery)) (void)kept->engine_->KeepUp();
    });
  }
  return catalog;
}

Catalog::Catalog(std::shared_ptr<CatalogEngine> engine) : engine_(std::move(engine)) {}
Catalog::~Catalog() {
  listener_.reset();
  stop_.Stop();
  if (keeper_.joinable()) keeper_.join();
}

std::vector<DatasetInfo> Catalog::List() const { return engine_->List(); }
std::vector<VersionAge> Catalog::Ages() const { return engine_->Ages(); }

absl::StatusOr<DatasetInfo> Catalog::Get(absl::string_view name) const {
  return engine_->Get(name);
}

absl::StatusOr<std::shared_ptr<Dataset>> Catalog::OpenDataset(absl::string_view name) {
  return engine_->OpenDataset(name);
}

absl::StatusOr<std::unique_ptr<GraphSink>> Catalog::StartIngest(IngestSpec spec) {
  return engine_->StartIngest(std::move(spec));
}

absl::StatusOr<DatasetInfo> Catalog::AddColumn(absl::string_view name, const ColumnBlock& column) {
  return engine_->AddColumn(name, column);
}

absl::StatusOr<DatasetInfo> Catalog::AddColumn(const Dataset& base, const ColumnBlock& column) {
  return engine_->AddColumn(base, column);
}

absl::Status Catalog::Delete(absl::string_view name, int64_t version) {
  return engine_->Delete(name, version);
}

absl::Status Catalog::DeleteUnused(absl::string_view name, int64_t version,
                                   absl::Duration unused_for) {
  return engine_->Delete(name, version, unused_for);
}

absl::StatusOr<std::vector<DatasetInfo>> Catalog::Snapshot(const std::string& to,
                                                           SnapshotMaker::Check check) {
  return engine_->Snapshot(to, check);
}

std::vector<Fingerprint> Catalog::DeletedButOpen() { return engine_->DeletedButOpen(); }
absl::Status Catalog::Sweep() { return engine_->Sweep(); }
absl::Status Catalog::WhyNotRead(const DatasetInfo& info, absl::Status status) {
  return engine_->WhyNotRead(info, std::move(status));
}
absl::Status Catalog::KeepUp() { return engine_->KeepUp(); }
absl::Status Catalog::Health() const { return engine_->Health(); }
absl::Status Catalog::Reachable() const { return engine_->Reachable(); }
StorageStats Catalog::stats() const { return engine_->stats(); }
EngineInfo Catalog::store_kind() const { return engine_->store_kind(); }

}  // namespace graphfeed
