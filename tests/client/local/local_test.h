#ifndef GRAPHFEED_TESTS_CLIENT_LOCAL_LOCAL_TEST_H_
#define GRAPHFEED_TESTS_CLIENT_LOCAL_LOCAL_TEST_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "client/local/local.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"

namespace graphfeed {

// A data folder of its own, and clients that serve it to themselves.
class LocalTest : public testing::Test {
 protected:
  LocalTest() {
    ServeLocalEndpoints();
    std::string pattern = testing::TempDir() + "/graphfeed_local_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~LocalTest() override { std::filesystem::remove_all(folder_); }

  std::string data() const { return folder_ + "/data"; }

  std::unique_ptr<Client> NewClient(const std::string& folder) const {
    ClientOptions options;
    options.endpoints = {"local:" + folder};
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }
  std::unique_ptr<Client> NewClient() const { return NewClient(data()); }

  static StreamOptions Options(Strategy strategy) {
    StreamOptions options;
    options.dataset = "molecules";
    options.spec.strategy = strategy;
    options.spec.shuffle = true;
    options.seed = 17;
    if (strategy == Strategy::kPlain) {
      options.spec.batch_size = 16;
    } else {
      options.spec.options = FixedSizeOptions{.num_nodes = {{"", 128}},
                                              .num_edges = {{"", 300}},
                                              .num_graphs = 10,
                                              .pad_graph_defaults = {}};
    }
    return options;
  }

  // All batches of a stream, kept at the same time.
  static absl::StatusOr<std::vector<Batch>> Collect(Client& client, const StreamOptions& options) {
    auto stream = client.StreamBatches(options);
    if (!stream.ok()) return stream.status();
    std::vector<Batch> batches;
    while (true) {
      absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) return batches;
      batches.push_back(**std::move(batch));
    }
  }

  static std::string Bytes(const Batch& batch) {
    return {reinterpret_cast<const char*>(batch.data()),
            static_cast<size_t>(batch.placement().slab_bytes)};
  }

  std::string folder_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_LOCAL_LOCAL_TEST_H_
