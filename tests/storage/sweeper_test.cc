#include "storage/sweeper.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

TEST(SweeperTest, WhoeverPostsDoesNotWait) {
  absl::Notification begun;
  absl::Notification go;
  std::vector<uint64_t> swept;
  std::thread::id thread;
  {
    Sweeper sweeper([&](const std::vector<uint64_t>& columns) {
      if (!begun.HasBeenNotified()) begun.Notify();
      go.WaitForNotification();
      thread = std::this_thread::get_id();
      swept.insert(swept.end(), columns.begin(), columns.end());
    });
    sweeper.Post({});
    sweeper.Post({1});
    begun.WaitForNotification();
    sweeper.Post({2, 3});
    sweeper.Post({4});
    EXPECT_THAT(swept, ElementsAre());
    go.Notify();
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
