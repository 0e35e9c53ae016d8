#include "server/serving/task_queue.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

// Moves when a task says so.
std::atomic<int64_t> test_ms = 0;
std::chrono::steady_clock::time_point TestNow() {
  return std::chrono::steady_clock::time_point(std::chrono::milliseconds(test_ms));
}

TEST(ThreadPoolTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 100; ++i) pool.Post([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u) << "the destructor runs what is queued";
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

// They are not woken in the place of a thread that runs, and the poster's own thread stays as it
// is.
TEST(ThreadPoolTest, ItsThreadsInterruptNobody) {
  const auto policy = [] {
    int of_thread = -1;
    sched_param priority{};
    EXPECT_EQ(pthread_getschedparam(pthread_self(), &of_thread, &priority), 0);
    return of_thread;
  };
  bool may = false;
  std::thread([&] {
    const sched_param no_priority{};
    may = pthread_setschedparam(pthread_self(), SCHED_BATCH, &no_priority) == 0;
  }).join();
  if (!may) GTEST_SKIP() << "this system lets no thread choose how it is scheduled";
  const int before = policy();
  std::atomic<int> of_task = -1;
  {
    ThreadPool pool(1);
    pool.Post([&] { of_task = policy(); });
  }
  EXPECT_EQ(of_task, before == SCHED_OTHER ? SCHED_BATCH : before);
  EXPECT_EQ(policy(), before);
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
  const std::unique_ptr<TaskQueue> queue = pool.NewQueue();
  queue->Post([] {});
  EXPECT_EQ(pool.queue_length(), 3u);
  go.count_down();
}

TEST(ThreadPoolTest, QueuesTakeTurnsHoweverMuchStandsInOne) {
  std::vector<std::string> order;
  {
    ThreadPool pool(1, nullptr, &TestNow);
    std::latch go(1);
    pool.Post([&] { go.wait(); });
    const std::unique_ptr<TaskQueue> greedy = pool.NewQueue();
    const std::unique_ptr<TaskQueue> modest = pool.NewQueue();
    const std::unique_ptr<TaskQueue> late = pool.NewQueue();
    for (int i = 0; i < 4; ++i)
      greedy->Post([&order, i] { order.push_back(absl::StrCat("g", i)); });
    for (int i = 0; i < 2; ++i)
      modest->Post([&order, i] { order.push_back(absl::StrCat("m", i)); });
    late->Post([&order] { order.push_back("l0"); });
    go.count_down();
  }
  EXPECT_THAT(order, ElementsAre("g0", "m0", "l0", "g1", "m1", "g2", "g3"));
}

TEST(ThreadPoolTest, AQueueThatWasEmptyIsBeforeThoseThatHaveHadMore) {
  std::vector<std::string> order;
  {
    ThreadPool pool(1, nullptr, &TestNow);
    std::latch go(1);
    std::latch posted(1);
    pool.Post([&] { go.wait(); });
    const std::unique_ptr<TaskQueue> greedy = pool.NewQueue();
    const std::unique_ptr<TaskQueue> modest = pool.NewQueue();
    greedy->Post([&] {
      order.push_back("g0");
      modest->Post([&] { order.push_back("m0"); });
      posted.count_down();
    });
    for (int i = 1; i < 4; ++i)
      greedy->Post([&order, i] { order.push_back(absl::StrCat("g", i)); });
    go.count_down();
    posted.wait();
  }
  EXPECT_THAT(order, ElementsAre("g0", "m0", "g1", "g2", "g3"));
}

TEST(ThreadPoolTest, QueuesInAQueueShareItsPart) {
  std::vector<std::string> order;
  {
    ThreadPool pool(1, nullptr, &TestNow);
    std::latch go(1);
    pool.Post([&] { go.wait(); });
    const std::unique_ptr<TaskQueue> team = pool.NewQueue();
    const std::unique_ptr<TaskQueue> other = pool.NewQueue();
    std::vector<std::unique_ptr<TaskQueue>> streams;
    for (int s = 0; s < 3; ++s) {
      streams.push_back(team->NewQueue());
      for (int i = 0; i < 2; ++i) {
        streams.back()->Post([&order, s, i] { order.push_back(absl::StrCat("t", s, i)); });
      }
    }
    const std::unique_ptr<TaskQueue> single = other->NewQueue();
    for (int i = 0; i < 3; ++i)
      single->Post([&order, i] { order.push_back(absl::StrCat("o", i)); });
    go.count_down();
  }
  EXPECT_THAT(order, ElementsAre("t00", "o0", "t10", "o1", "t20", "o2", "t01", "t11", "t21"));
}

TEST(ThreadPoolTest, LongTasksTakeFewerTurns) {
  // Of two queues, one with tasks that take as long as many of the other's.
  int quick_before_second_slow = 0;
  {
    ThreadPool pool(1, nullptr, &TestNow);
    std::latch go(1);
    pool.Post([&] { go.wait(); });
    const std::unique_ptr<TaskQueue> slow = pool.NewQueue();
    const std::unique_ptr<TaskQueue> quick = pool.NewQueue();
    int quick_runs = 0;
    slow->Post([] { ++test_ms; });
    slow->Post([&] { quick_before_second_slow = quick_runs; });
    for (int i = 0; i < 1000; ++i) quick->Post([&] { ++quick_runs; });
    go.count_down();
  }
  EXPECT_EQ(quick_before_second_slow, 21)
      << "a millisecond is twenty times what counts as one turn";
}

TEST(ThreadPoolTest, WhatIsLeftInAQueueThatGoesStillRuns) {
  int runs = 0;
  {
    ThreadPool pool(1, nullptr, &TestNow);
    std::latch go(1);
    pool.Post([&] { go.wait(); });
    std::unique_ptr<TaskQueue> queue = pool.NewQueue();
    for (int i = 0; i < 3; ++i) queue->Post([&] { ++runs; });
    queue.reset();
    go.count_down();
  }
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace graphfeed
