#include "server/serving/task_queue.h"

#include <atomic>
#include <latch>
#include <vector>

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
  std::latch first(1);
  std::latch second(1);
  pool.Post([&] {
    first.count_down();
    second.wait();
  });
  pool.Post([&] {
    first.wait();
    second.count_down();
  });
  second.wait();
}

TEST(ThreadPoolTest, TasksMayPostTasks) {
  std::atomic<int> runs = 0;
  {
    ThreadPool pool(2);
    std::latch done(1);
    pool.Post([&] {
      pool.Post([&] {
        ++runs;
        done.count_down();
      });
    });
    done.wait();
  }
  EXPECT_EQ(runs, 1);
}

TEST(ThreadPoolTest, QueueLengthCountsWaitingTasks) {
  ThreadPool pool(1);
  std::latch started(1);
  std::latch go(1);
  pool.Post([&] {
    started.count_down();
    go.wait();
  });
  started.wait();
  pool.Post([] {});
  pool.Post([] {});
  EXPECT_EQ(pool.queue_length(), 2u);
  go.count_down();
}

}  // namespace
}  // namespace graphfeed
