#ifndef GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
#define GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <thread>
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
};

// Threads that take tasks in the order in which they came.
class ThreadPool final : public TaskQueue {
 public:
  explicit ThreadPool(int num_threads);
  ~ThreadPool() override;  // runs what is queued, then joins; nobody may post any more

  void Post(Task task) override;
  size_t queue_length() const;

 private:
  void Run();

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_TASK_QUEUE_H_
