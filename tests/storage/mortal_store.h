#ifndef GRAPHFEED_TESTS_STORAGE_MORTAL_STORE_H_
#define GRAPHFEED_TESTS_STORAGE_MORTAL_STORE_H_

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// A store whose process may die: from then on nothing changes it, whatever is still called, on any
// thread.
class MortalStore : public ChunkStore {
 public:
  explicit MortalStore(std::unique_ptr<ChunkStore> store) : store_(std::move(store)) {}

  void Die() { *dead_ = true; }
  // Dies just before it changes this record.
  void DieBefore(std::string record) { fatal_record_ = std::move(record); }

  // A change that is not answered, the next one of this record.
  struct Unanswered {
    std::string record = "none";
    bool made = true;
    std::function<void()> then = [] {};  // called before the store says that it has no answer
    int failing = 0;                     // so many changes after it are not made
  };
  void LoseAnswer(Unanswered unanswered) { unanswered_ = std::move(unanswered); }

  // The next so many listings of columns fail.
  void FailListings(int count) { failing_listings_ = count; }

  // So do the next so many removals of columns.
  void FailRemovals(int count) { failing_removals_ = count; }

  // Called when the process forgets columns.
  void OnForget(std::function<void()> on_forget) { on_forget_ = std::move(on_forget); }

  // How often it was tidied up, and its records were read.
  int tidied() const { return tidied_; }
  int listed() const { return listed_; }

  bool shared() const override { return store_->shared(); }
  bool read_only() const override { return store_->read_only(); }
  absl::Status StartWriting() override { return store_->StartWriting(); }
  absl::Status Health() override { return store_->Health(); }
  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override {
    store_->ReadChunks(keys, visitor);
  }
  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                         int64_t chunk_bytes) override {
    auto writer = store_->NewWriter(column, chunk_bytes);
    if (!writer.ok()) return writer;
    return std::make_unique<MortalWriter>(dead_, *std::move(writer));
  }
  std::string ListingName() override { return store_->ListingName(); }
  absl::StatusOr<std::vector<ColumnChunks>> ListColumns() override {
    if (failing_listings_ > 0 && failing_listings_-- > 0) {
      return absl::UnavailableError("no answer in time");
    }
    return store_->ListColumns();
  }
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override {
    if (failing_removals_ > 0 && failing_removals_-- > 0) {
      return absl::UnavailableError("no answer in time");
    }
    return *dead_ ? Dead() : store_->DeleteColumns(columns);
  }
  void ForgetColumns(absl::Span<const uint64_t> columns) override {
    store_->ForgetColumns(columns);
    on_forget_();
  }
  void Tidy() override {
    ++tidied_;
    store_->Tidy();
  }
  absl::StatusOr<RecordMap> ListRecords() override {
    ++listed_;
    return store_->ListRecords();
  }
  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override {
    for (const RecordChange& change : changes) {
      if (change.key == fatal_record_) Die();
    }
    if (*dead_) return Dead();
    const absl::Status no_answer = absl::UnavailableError("no answer in time");
    if (failing_changes_ > 0 && failing_changes_-- > 0) return no_answer;
    const bool answered = std::none_of(changes.begin(), changes.end(), [&](const auto& change) {
      return change.key == unanswered_.record && change.before != change.after;
    });
    if (answered) return store_->ChangeRecords(changes);
    const Unanswered unanswered = std::exchange(unanswered_, {});
    if (unanswered.made) {
      if (absl::Status status = store_->ChangeRecords(changes); !status.ok()) return status;
    }
    failing_changes_ = unanswered.failing;
    unanswered.then();
    return no_answer;
  }
  int64_t StoredBytes() override { return store_->StoredBytes(); }

 private:
  static absl::Status Dead() { return absl::UnavailableError("the process is dead"); }

  class MortalWriter : public ChunkWriter {
   public:
    MortalWriter(std::shared_ptr<const std::atomic<bool>> dead, std::unique_ptr<ChunkWriter> writer)
        : dead_(std::move(dead)), writer_(std::move(writer)) {}
    absl::Status Add(uint32_t chunk, absl::string_view value) override {
      return *dead_ ? Dead() : writer_->Add(chunk, value);
    }
    absl::Status Finish() override { return *dead_ ? Dead() : writer_->Finish(); }
    int64_t memory_bytes() const override { return writer_->memory_bytes(); }

   private:
    const std::shared_ptr<const std::atomic<bool>> dead_;
    const std::unique_ptr<ChunkWriter> writer_;
  };

  const std::unique_ptr<ChunkStore> store_;
  const std::shared_ptr<std::atomic<bool>> dead_ = std::make_shared<std::atomic<bool>>(false);
  std::function<void()> on_forget_ = [] {};
  std::string fatal_record_ = "none";
  Unanswered unanswered_;
  std::atomic<int> failing_changes_ = 0;
  std::atomic<int> failing_listings_ = 0;
  std::atomic<int> failing_removals_ = 0;
  std::atomic<int> tidied_ = 0;
  std::atomic<int> listed_ = 0;
};

// A server of the tests: its catalog, and the way to kill it.
struct TestServer {
  std::unique_ptr<Catalog> catalog;
  MortalStore* store = nullptr;

  Catalog* operator->() const { return catalog.get(); }
  Catalog& operator*() const { return *catalog; }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_MORTAL_STORE_H_
