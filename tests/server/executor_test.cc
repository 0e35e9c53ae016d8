#include "server/executor.h"

#include <atomic>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

TEST(ThreadPoolTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 100; ++i) pool.Post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u) << "the destructor runs what is queued";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadPoolTest, TasksRunInParallel) {
  ThreadPool pool(2);
  absl::Notification first;
  absl::Notification second;
  pool.Post([&] {
    first.Notify();
    second.WaitForNotification();
  });
  pool.Post([&] {
    first.WaitForNotification();
    second.Notify();
  });
  second.WaitForNotification();
}

TEST(ThreadPoolTest, TasksMayPostTasks) {
  std::atomic<int> runs = 0;
  {
    ThreadPool pool(2);
    absl::Notification done;
    pool.Post([&] {
      pool.Post([&] {
        ++runs;
        done.Notify();
      });
    });
    done.WaitForNotification();
  }
  EXPECT_EQ(runs, 1);
}

TEST(ThreadPoolTest, QueueLengthCountsWaitingTasks) {
  ThreadPool pool(1);
  absl::Notification started;
  absl::Notification go;
  pool.Post([&] {
    started.Notify();
    go.WaitForNotification();
  });
  started.WaitForNotification();
  pool.Post([] {});
  pool.Post([] {});
  EXPECT_EQ(pool.queue_length(), 2u);
  go.Notify();
}

}  // namespace
}  // namespace graphfeed
