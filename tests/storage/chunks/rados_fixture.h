#ifndef GRAPHFEED_TESTS_STORAGE_CHUNKS_RADOS_FIXTURE_H_
#define GRAPHFEED_TESTS_STORAGE_CHUNKS_RADOS_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "storage/chunks/chunk_store.h"
#include "storage/chunks/open_store.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/location.h"
#include "storage/chunks/rados/pool.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

// Tests in a namespace of their own of the cluster's pool; skipped where there is none.
class RadosTest : public testing::Test {
 protected:
  void SetUp() override {
    if (CephFolder() == nullptr) GTEST_SKIP() << "there is no cluster";
    space_ = folder_.path().filename().string();
    auto pool = RadosPool::Connect(
        *ParseRadosLocation(RadosPlace(space_).substr(std::string("rados://").size())), "records");
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  absl::StatusOr<std::unique_ptr<ChunkStore>> OpenAs(const std::string& user,
                                                     StoreAccess access = StoreAccess::kReadWrite,
                                                     bool create = true) {
    return OpenStore(RadosPlace(space_, user), {.access = access, .create = create});
  }
  std::unique_ptr<ChunkStore> Open() {
    auto store = OpenAs("feed");
    EXPECT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->StartWriting().ok());
    return *std::move(store);
  }

  std::string Object(const std::string& name) {
    std::string bytes(size_t{8} << 20, '\0');
    size_t read = 0;
    int result = 0;
    ReadOp op = NewReadOp(*pool_);
    pool_->api().rados_read_op_read(op.get(), 0, bytes.size(), bytes.data(), &read, &result);
    EXPECT_TRUE(Operate(*pool_, std::move(op), name).status.ok()) << name;
    bytes.resize(read);
    return bytes;
  }
  void Replace(const std::string& name, const std::string& bytes) {
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_write_full(op.get(), bytes.data(), bytes.size());
    EXPECT_TRUE(Operate(*pool_, std::move(op), name).status.ok());
  }
  absl::Status Remove(const std::string& name) {
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_remove(op.get());
    return Operate(*pool_, std::move(op), name).status;
  }
  void SetEntry(const std::string& object, const std::string& key, const std::string& value) {
    const char* const keys[] = {key.data()};
    const char* const values[] = {value.data()};
    const size_t key_bytes[] = {key.size()};
    const size_t value_bytes[] = {value.size()};
    WriteOp op = NewWriteOp(*pool_);
    pool_->api().rados_write_op_omap_set2(op.get(), keys, values, key_bytes, value_bytes, 1);
    EXPECT_TRUE(Operate(*pool_, std::move(op), object).status.ok());
  }

  TestFolder folder_;
  std::string space_;
  std::unique_ptr<RadosPool> pool_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_CHUNKS_RADOS_FIXTURE_H_
