#include "client/cli/dataset_store.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/flags/flag_values.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/version_source.h"

namespace graphfeed {
namespace {

class ServerStore final : public DatasetStore {
 public:
  explicit ServerStore(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  absl::StatusOr<std::vector<DatasetInfo>> List() override { return client_->ListDatasets(); }
  absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) override {
    return client_->Ingest(spec);
  }
  absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) override {
    return client_->Export(dataset);
  }
  absl::Status Delete(const std::string& name, int64_t version) override {
    return client_->DeleteVersion(name, version);
  }

 private:
  const std::unique_ptr<Client> client_;
};

class FolderStore final : public DatasetStore {
 public:
  explicit FolderStore(std::unique_ptr<Catalog> catalog) : catalog_(std::move(catalog)) {}

  absl::StatusOr<std::vector<DatasetInfo>> List() override { return catalog_->List(); }
  absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) override {
    return catalog_->StartIngest(spec);
  }
  absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) override {
    GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> opened, catalog_->OpenDataset(dataset));
    return ReadVersion(std::move(opened));
  }
  absl::Status Delete(const std::string& name, int64_t version) override {
    return catalog_->Delete(name, version);
  }

 private:
  const std::unique_ptr<Catalog> catalog_;
};

}  // namespace

void StoreFlags::Register(CLI::App& command, const char* data_dir_help) {
  server.Register(command);
  command.add_option("--data-dir", data_dir, data_dir_help)
      ->excludes("--server")
      ->check(NamesFolder());
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenFor(FolderUse use) const {
  if (!data_dir.empty()) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog, OpenDataFolder(data_dir, use));
    return std::make_unique<FolderStore>(std::move(catalog));
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Client> client, server.Connect());
  return std::make_unique<ServerStore>(std::move(client));
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::Open() const {
  return OpenFor(FolderUse::kRead);
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenOrCreate() const {
  std::error_code error;
  if (!data_dir.empty()) std::filesystem::create_directories(data_dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create \"", data_dir, "\": ", error.message()));
  }
  return OpenFor(FolderUse::kCreate);
}

absl::StatusOr<DatasetInfo> Transfer(GraphSource& source, const IngestSpec& spec, DatasetStore& to,
                                     const ImportProgress& progress) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<GraphSink> sink, to.Ingest(spec));
  while (true) {
    GF_ASSIGN_OR_RETURN(std::optional<GraphBlock> block, source.Next());
    if (!block.has_value()) return sink->Commit();
    GF_RETURN_IF_ERROR(sink->Append(*std::move(block)));
    progress(UnitOf(spec), source.done(), source.total());
  }
}

const char* UnitOf(const IngestSpec& spec) { return spec.collection ? "graphs" : "rows"; }

}  // namespace graphfeed
