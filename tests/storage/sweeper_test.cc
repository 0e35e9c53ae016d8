#include "storage/sweeper.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/base/mutex.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

TEST(SweeperTest, WhoeverPostsDoesNotWait) {
  Mutex mu;
  CondVar changed;
  bool begun = false;
  bool go = false;
  std::vector<uint64_t> swept;
  std::thread::id thread;
  {
    Sweeper sweeper([&](const std::vector<uint64_t>& columns) {
      MutexLock lock(&mu);
      begun = true;
      changed.SignalAll();
      while (!go) changed.Wait(&mu);
      thread = std::this_thread::get_id();
      swept.insert(swept.end(), columns.begin(), columns.end());
    });
    sweeper.Post({});
    sweeper.Post({1});
    {
      MutexLock lock(&mu);
      while (!begun) changed.Wait(&mu);
    }
    sweeper.Post({2, 3});
    sweeper.Post({4});
    MutexLock lock(&mu);
    EXPECT_THAT(swept, ElementsAre());
    go = true;
    changed.SignalAll();
  }
  EXPECT_THAT(swept, ElementsAre(1, 2, 3, 4)) << "what is left is swept at the end";
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(SweeperTest, WithoutColumnsItHasNoThread) {
  Sweeper sweeper([](const std::vector<uint64_t>&) { FAIL(); });
  sweeper.Post({});
}

}  // namespace
}  // namespace graphfeed
