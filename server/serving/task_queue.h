#ifndef GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
#define GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Where work is sent that must not run on gRPC's threads. Thread-safe.
class TaskQueue {
 public:
  using Task = absl::AnyInvocable<void()>;

  virtual ~TaskQueue() = default;
  virtual void Post(Task task) = 0;
  // Another queue for whoever runs this one's tasks, within this one's share of the time: what is
  // posted here and the queues made here get the same time each while they have tasks, so that
  // nobody waits for all that stands in somebody else's queue. What is left in a queue that goes
  // still runs. Whoever runs the tasks must outlive every Post, but not the queue.
  virtual std::unique_ptr<TaskQueue> NewQueue() = 0;
};

// Runs tasks at once, on the thread that posts them: for those that never take long.
class InlineQueue final : public TaskQueue {
 public:
  void Post(Task task) override { task(); }
  std::unique_ptr<TaskQueue> NewQueue() override { return std::make_unique<InlineQueue>(); }
};

// What a pool's threads pass before each task and leave after it, for a program in which there are
// moments when no task may run. Thread-safe.
class TaskGate {
 public:
  virtual ~TaskGate() = default;
  virtual void Enter() = 0;  // waits while the gate is closed
  virtual void Leave() = 0;
};

// Threads that take the tasks of each queue in the order in which they came, and next that of the
// queue whose tasks have taken least time, counted from when it last was empty. The pool is a queue
// itself.
class ThreadPool final : public TaskQueue {
 public:
  using Now = std::chrono::steady_clock::time_point (*)();

  // `gate` may be null, or outlives the pool. `now` measures tasks.
  explicit ThreadPool(int num_threads, TaskGate* gate = nullptr,
                      Now now = &std::chrono::steady_clock::now);
  ~ThreadPool() override;  // runs what is queued, then joins; nobody may post any more

  void Post(Task task) override;
  std::unique_ptr<TaskQueue> NewQueue() override;
  // Of all queues.
  size_t queue_length() const;

 private:
  struct Line;
  class Queue;

  void PostTo(const std::shared_ptr<Line>& line, Task task);
  std::shared_ptr<Line> TakeNext(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run();

  TaskGate* const gate_;
  const Now now_;
  // Lines are guarded by mu_, and shared with their queues, the lines in them, and running tasks.
  const std::shared_ptr<Line> root_;
  const std::unique_ptr<TaskQueue> own_queue_;
  mutable Mutex mu_;
  CondVar changed_;
  uint64_t turns_ ABSL_GUARDED_BY(mu_) = 0;
  size_t num_tasks_ ABSL_GUARDED_BY(mu_) = 0;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
