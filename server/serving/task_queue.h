#ifndef GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
#define GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_

#include <cstddef>
#include <deque>
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
  // Another queue for whoever runs this one's tasks. Queues take turns, a task each, so that
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

// Threads that take the tasks of each queue in the order in which they came, and one from each
// queue in turn. The pool is a queue itself.
class ThreadPool final : public TaskQueue {
 public:
  // `gate` may be null, or outlives the pool.
  explicit ThreadPool(int num_threads, TaskGate* gate = nullptr);
  ~ThreadPool() override;  // runs what is queued, then joins; nobody may post any more

  void Post(Task task) override { PostTo(own_line_, std::move(task)); }
  std::unique_ptr<TaskQueue> NewQueue() override;
  // Of all queues.
  size_t queue_length() const;

 private:
  using Line = std::deque<Task>;  // guarded by mu_
  class Queue;

  void PostTo(const std::shared_ptr<Line>& line, Task task);
  void Run();

  TaskGate* const gate_;
  const std::shared_ptr<Line> own_line_ = std::make_shared<Line>();
  mutable Mutex mu_;
  CondVar changed_;
  // Lines that have tasks, the next one first; shared with their queues.
  std::deque<std::shared_ptr<Line>> turns_ ABSL_GUARDED_BY(mu_);
  size_t num_tasks_ ABSL_GUARDED_BY(mu_) = 0;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
