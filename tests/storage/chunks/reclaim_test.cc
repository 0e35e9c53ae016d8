#include "storage/chunks/reclaim.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

TEST(EpochTest, WithoutGuardsEverythingIsQuiescent) {
  ReclaimDomain domain;
  EXPECT_EQ(domain.OldestGuard(), std::numeric_limits<uint64_t>::max());
  EXPECT_TRUE(domain.IsQuiescent(domain.Retire()));
}

TEST(EpochTest, AGuardHoldsBackWhatIsRetiredDuringIt) {
  ReclaimDomain domain;
  auto guard = domain.Enter();
  const uint64_t epoch = domain.Retire();
  EXPECT_FALSE(domain.IsQuiescent(epoch));
  guard.End();
  EXPECT_TRUE(domain.IsQuiescent(epoch));
}

TEST(EpochTest, LaterGuardsDoNotDelayWhatWasRetiredBefore) {
  ReclaimDomain domain;
  const uint64_t epoch = domain.Retire();
  const auto guard = domain.Enter();
  EXPECT_TRUE(domain.IsQuiescent(epoch));
}

TEST(EpochTest, NestedGuardsEndInAnyOrder) {
  ReclaimDomain domain;
  auto outer = domain.Enter();
  const uint64_t first = domain.Retire();
  auto inner = domain.Enter();
  const uint64_t second = domain.Retire();
  outer.End();
  EXPECT_TRUE(domain.IsQuiescent(first));
  EXPECT_FALSE(domain.IsQuiescent(second));
  inner.End();
  EXPECT_TRUE(domain.IsQuiescent(second));
}

TEST(EpochTest, AssignmentEndsTheOldGuardAndKeepsTheNew) {
  ReclaimDomain domain;
  auto guard = domain.Enter();
  const uint64_t first = domain.Retire();
  guard = domain.Enter();
  EXPECT_TRUE(domain.IsQuiescent(first));
  EXPECT_FALSE(domain.IsQuiescent(domain.Retire()));
}

TEST(EpochTest, AllSlotsCanBeTaken) {
  ReclaimDomain domain;
  std::vector<ReclaimDomain::Guard> guards;
  for (size_t i = 0; i < ReclaimDomain::kSlots; ++i) guards.push_back(domain.Enter());
  const uint64_t epoch = domain.Retire();
  for (auto& guard : guards) {
    EXPECT_FALSE(domain.IsQuiescent(epoch));
    guard.End();
  }
  EXPECT_TRUE(domain.IsQuiescent(epoch));
}

TEST(EpochTest, WhenAllSlotsAreTakenTheNextGuardWaits) {
  ReclaimDomain domain;
  std::vector<ReclaimDomain::Guard> guards;
  for (size_t i = 0; i < ReclaimDomain::kSlots; ++i) guards.push_back(domain.Enter());
  std::atomic<bool> entered{false};
  std::thread thread([&] {
    const auto guard = domain.Enter();
    entered = true;
  });
  EXPECT_FALSE(entered);
  guards.back().End();
  thread.join();
  EXPECT_TRUE(entered);
}

// Readers follow pointers that writers replace and free. A sanitizer sees any read of a freed
// object; without one, the values tell.
TEST(EpochTest, ReadersNeverSeeAFreedObject) {
  struct Object {
    explicit Object(uint64_t v) : value(v), check(~v) {}
    ~Object() { value = check = 0; }
    uint64_t value;
    uint64_t check;
  };
  constexpr int kPointers = 8;
  ReclaimDomain domain;
  std::atomic<Object*> pointers[kPointers];
  for (int i = 0; i < kPointers; ++i) pointers[i] = new Object(static_cast<uint64_t>(i));

  std::atomic<bool> stop{false};
  std::atomic<int64_t> torn{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      uint64_t i = static_cast<uint64_t>(t);
      while (!stop.load(std::memory_order_relaxed)) {
        const auto guard = domain.Enter();
        const Object* object = pointers[++i % kPointers].load();
        if (object->value != ~object->check) ++torn;
      }
    });
  }
  const auto write = [&](int first) {
    std::vector<std::pair<uint64_t, std::unique_ptr<Object>>> retired;
    for (uint64_t i = 0; i < 20000; ++i) {
      auto& pointer = pointers[(first + 2 * i) % kPointers];
      std::unique_ptr<Object> old(pointer.exchange(new Object(i)));
      retired.emplace_back(domain.Retire(), std::move(old));
      std::erase_if(retired, [&](const auto& r) { return domain.IsQuiescent(r.first); });
    }
    for (const auto& r : retired) {
      while (!domain.IsQuiescent(r.first)) std::this_thread::yield();
    }
  };
  std::thread other([&] { write(1); });
  write(0);
  other.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  for (auto& pointer : pointers) delete pointer.load();
}

}  // namespace
}  // namespace graphfeed
