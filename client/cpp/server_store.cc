#include "client/cpp/server_store.h"

#include <utility>

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

}  // namespace

std::unique_ptr<DatasetStore> NewServerStore(std::unique_ptr<Client> client) {
  return std::make_unique<ServerStore>(std::move(client));
}

}  // namespace graphfeed
