#ifndef GRAPHFEED_SERVER_SERVING_ONCE_CACHE_H_
#define GRAPHFEED_SERVER_SERVING_ONCE_CACHE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "storage/base/allocation.h"
#include "storage/base/mutex.h"
#include "storage/base/work_scope.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Values that are in use, and those last used, as many as the memory allows and at most
// Key::kMaxEntries; or, if Key::kKeepUnused is false, those in use alone. However many ask for a
// value at once, it is made once, and nobody waits for it: who comes while it is made leaves word
// where to go on. It is made for all of their calls, until the last of them is cancelled
// (WorkScope). Thread-safe.
//
// A Key is ordered by its `fingerprint` first, and what() names its value and the memory that
// it takes, in errors. A Value knows its memory_bytes().
template <typename Key, typename Value>
class OnceCache {
 public:
  using ValueOr = absl::StatusOr<std::shared_ptr<const Value>>;  // shared with the cache

  explicit OnceCache(int64_t capacity_bytes)
      : capacity_bytes_(capacity_bytes), total_bytes_(std::make_shared<std::atomic<int64_t>>(0)) {}

  using Done = absl::AnyInvocable<void(ValueOr)>;

  // Gives the value to `done`, once, without any lock, and on behalf of the call that asked: before
  // it returns, calling `make` if there is none; or, when another thread is making it, from that
  // thread, which shares its error too. RESOURCE_EXHAUSTED when the values in use leave no room
  // for it, or an allocation fails.
  void Get(const Key& key, absl::FunctionRef<ValueOr()> make, Done done);

  // Drops the unused values of this dataset; those in use when they are released.
  void Forget(const Fingerprint& fingerprint);

  // Room for `bytes` that are no value, for as long as what it returns lives: unused values make
  // way for it. RESOURCE_EXHAUSTED, naming it `what`, when those in use leave none.
  absl::StatusOr<std::shared_ptr<const void>> Charge(const std::string& what, int64_t bytes);

  // Of all values, in use or not, and of what is charged beside them.
  int64_t bytes() const { return *total_bytes_; }

 private:
  // A value and the memory charged for it, as long as anybody uses it.
  struct Charged {
    Charged(std::shared_ptr<const Value> the_value, int64_t value_bytes,
            std::shared_ptr<std::atomic<int64_t>> total_bytes)
        : value(std::move(the_value)), bytes(value_bytes), total(std::move(total_bytes)) {
      *total += bytes;
    }
    ~Charged() { *total -= bytes; }
    Charged(const Charged&) = delete;
    Charged& operator=(const Charged&) = delete;

    const std::shared_ptr<const Value> value;  // shared with nobody else
    const int64_t bytes;
    const std::shared_ptr<std::atomic<int64_t>> total;  // shared with the cache
  };
  struct Entry {
    bool made = false;
    std::shared_ptr<Charged> charged;  // shared with the value's users
    std::weak_ptr<Charged> in_use;     // instead, if unused values are not kept
    uint64_t last_used = 0;
    // While it is made: who waits, and all who have asked, its maker among them.
    std::vector<std::pair<CancelToken, Done>> waiting;
    std::vector<CancelToken> asked;
  };
  using Trash = std::vector<std::shared_ptr<Entry>>;

  static std::shared_ptr<const Value> Handle(const std::shared_ptr<Charged>& charged) {
    return std::shared_ptr<const Value>(charged, charged->value.get());
  }

  // Whether all who have asked for what is being made are gone. Nobody joins them then.
  bool Unwanted(const Key& key, const std::shared_ptr<Entry>& entry);

  // What comes of a making. Whoever calls destroys `trash` when the mutex is free again.
  ValueOr Keep(const Key& key, const std::shared_ptr<Entry>& entry, ValueOr made, Trash& trash)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Moves values that nobody uses to `trash`, the oldest first, until `bytes` more bytes fit and
  // there are at most kMaxEntries. Whoever calls destroys them when the mutex is free again;
  // returns the bytes that are free then.
  int64_t Evict(int64_t bytes, Trash& trash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Status Refusal(const std::string& what, int64_t bytes, int64_t free_bytes) const {
    return absl::ResourceExhaustedError(absl::StrCat(what, " needs ", bytes, " bytes; ", free_bytes,
                                                     " of ", capacity_bytes_, " are free"));
  }

  const int64_t capacity_bytes_;
  // Of all values that exist; shared with them, since they may outlive the cache.
  const std::shared_ptr<std::atomic<int64_t>> total_bytes_;
  mutable Mutex mu_;
  std::map<Key, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mu_);  // shared with makers
  uint64_t clock_ ABSL_GUARDED_BY(mu_) = 0;
};

template <typename Key, typename Value>
void OnceCache<Key, Value>::Get(const Key& key, absl::FunctionRef<ValueOr()> make, Done done) {
  std::shared_ptr<Entry> entry;
  std::shared_ptr<const Value> value;
  {
    MutexLock lock(&mu_);
    auto [it, inserted] = entries_.try_emplace(key);
    if (inserted) it->second = std::make_shared<Entry>();
    entry = it->second;
    entry->last_used = ++clock_;
    if (!inserted && !entry->made) {
      entry->asked.push_back(WorkScope::Token());
      entry->waiting.emplace_back(WorkScope::Token(), std::move(done));
      return;
    }
    if (!inserted) {
      std::shared_ptr<Charged> charged = Key::kKeepUnused ? entry->charged : entry->in_use.lock();
      if (charged != nullptr) {
        value = Handle(charged);
      } else {
        entry = it->second = std::make_shared<Entry>();  // its last user is gone
        entry->last_used = clock_;
      }
    }
    if (value == nullptr) entry->asked.push_back(WorkScope::Token());
  }
  if (value != nullptr) return done(std::move(value));

  ValueOr made = WithinMemory([&] {
    const auto unwanted = [&] { return Unwanted(key, entry); };
    const WorkScope scope(unwanted);
    return make();
  });

  Trash trash;
  std::vector<std::pair<CancelToken, Done>> waiting;
  {
    MutexLock lock(&mu_);
    made = Keep(key, entry, std::move(made), trash);
    waiting.swap(entry->waiting);
    entry->asked.clear();
  }
  trash.clear();
  done(made);
  for (auto& [token, other] : waiting) {
    const WorkScope scope(token);
    other(made);
  }
}

template <typename Key, typename Value>
bool OnceCache<Key, Value>::Unwanted(const Key& key, const std::shared_ptr<Entry>& entry) {
  Trash trash;
  MutexLock lock(&mu_);
  if (!std::all_of(entry->asked.begin(), entry->asked.end(), IsCancelled)) return false;
  if (auto it = entries_.find(key); it != entries_.end() && it->second == entry) {
    trash.push_back(std::move(it->second));
    entries_.erase(it);
  }
  return true;
}

template <typename Key, typename Value>
typename OnceCache<Key, Value>::ValueOr OnceCache<Key, Value>::Keep(
    const Key& key, const std::shared_ptr<Entry>& entry, ValueOr made, Trash& trash) {
  int64_t bytes = 0;
  int64_t free_bytes = 0;
  if (made.ok()) {
    bytes = (*made)->memory_bytes();
    free_bytes = Evict(bytes, trash);
  }
  entry->made = true;  // from now on it may be evicted
  if (made.ok()) {
    if (bytes <= free_bytes) {
      auto charged = std::make_shared<Charged>(*std::move(made), bytes, total_bytes_);
      if (Key::kKeepUnused) {
        entry->charged = charged;
      } else {
        entry->in_use = charged;
      }
      return Handle(charged);
    }
    made = Refusal(key.what(), bytes, free_bytes);
  }
  // Errors are not kept. Unless Forget has made room for another one meanwhile.
  if (auto it = entries_.find(key); it != entries_.end() && it->second == entry) {
    entries_.erase(it);
  }
  return made;
}

template <typename Key, typename Value>
absl::StatusOr<std::shared_ptr<const void>> OnceCache<Key, Value>::Charge(const std::string& what,
                                                                          int64_t bytes) {
  Trash trash;
  MutexLock lock(&mu_);
  const int64_t free_bytes = Evict(bytes, trash);
  if (bytes > free_bytes) return Refusal(what, bytes, free_bytes);
  return std::make_shared<const Charged>(nullptr, bytes, total_bytes_);
}

template <typename Key, typename Value>
int64_t OnceCache<Key, Value>::Evict(int64_t bytes, Trash& trash) {
  int64_t free_bytes = capacity_bytes_ - *total_bytes_;
  while (bytes > free_bytes || entries_.size() > Key::kMaxEntries) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const Entry& entry = *it->second;
      // New users come through this mutex only, so a value that has none now gets none.
      const bool idle = entry.made && (Key::kKeepUnused ? entry.charged.use_count() == 1
                                                        : entry.in_use.expired());
      if (idle && (oldest == entries_.end() || entry.last_used < oldest->second->last_used)) {
        oldest = it;
      }
    }
    if (oldest == entries_.end()) break;
    if (Key::kKeepUnused) free_bytes += oldest->second->charged->bytes;
    trash.push_back(std::move(oldest->second));
    entries_.erase(oldest);
  }
  return free_bytes;
}

template <typename Key, typename Value>
void OnceCache<Key, Value>::Forget(const Fingerprint& fingerprint) {
  Trash trash;
  MutexLock lock(&mu_);
  auto it = entries_.lower_bound(Key{.fingerprint = fingerprint});
  while (it != entries_.end() && it->first.fingerprint == fingerprint) {
    trash.push_back(std::move(it->second));
    it = entries_.erase(it);
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_ONCE_CACHE_H_
