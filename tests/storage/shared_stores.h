#ifndef GRAPHFEED_TESTS_STORAGE_SHARED_STORES_H_
#define GRAPHFEED_TESTS_STORAGE_SHARED_STORES_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/mortal_store.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {

inline constexpr auto kLease = std::chrono::seconds(10);

// Tests of servers, each with a catalog of its own, over one store.
class SharedStores : public testing::Test {
 protected:
  explicit SharedStores(StoreKind kind) : store_(kind) {}

  TestServer Start() {
    auto store = std::make_unique<MortalStore>(store_.Open());
    TestServer server;
    server.store = store.get();
    auto catalog = Catalog::Open(std::move(store), {.memory_budget_bytes = 0,
                                                    .sweep_after = absl::ZeroDuration(),
                                                    .lease = absl::FromChrono(kLease),
                                                    .clock = [this] { return now_; }});
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    server.catalog = *std::move(catalog);
    return server;
  }

  // So much time goes by, in which these servers are alive.
  void Pass(std::chrono::seconds time, const std::vector<const TestServer*>& servers) {
    for (std::chrono::seconds passed{0}; passed < time; passed += std::chrono::seconds(1)) {
      now_ += std::chrono::seconds(1);
      for (const TestServer* server : servers) {
        const absl::Status status = (*server)->KeepUp();
        EXPECT_TRUE(status.ok()) << status;
      }
      for (const TestServer* server : servers) EXPECT_TRUE((*server)->Sweep().ok());
    }
  }

  std::set<uint64_t> StoredColumns() {
    const auto columns = ColumnUids(*store_.Open());
    return {columns.begin(), columns.end()};
  }
  RecordMap StoredRecords() { return *store_.Open()->ListRecords(); }

  StoreUnderTest store_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

// The same over each kind of store (testing::ValuesIn(EachSharedStore::Kinds())).
class EachSharedStore : public SharedStores, public testing::WithParamInterface<StoreKind> {
 public:
  static std::vector<StoreKind> Kinds() { return AndRados({StoreKind::kSharedMemory}); }

 protected:
  EachSharedStore() : SharedStores(GetParam()) {}
};

inline std::vector<std::string> Names(const TestServer& server) {
  std::vector<std::string> names;
  for (const DatasetInfo& info : server->List()) {
    names.push_back(absl::StrCat(info.name, "@", info.version));
  }
  return names;
}

inline std::string Add(const TestServer& server, const std::string& name,
                       const GraphBlock& graphs = TwoGraphs()) {
  const auto info = Ingest(*server, {.name = name}, {graphs});
  EXPECT_TRUE(info.ok()) << info.status();
  return info.ok() ? absl::StrCat(info->name, "@", info->version) : "";
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_SHARED_STORES_H_
