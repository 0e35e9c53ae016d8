#ifndef GRAPHFEED_SERVER_SERVING_TIMER_H_
#define GRAPHFEED_SERVER_SERVING_TIMER_H_

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "server/serving/task_queue.h"

namespace graphfeed {

// Runs short tasks when their time has come, one after the other, on a thread of its own, which
// begins with the first. Thread-safe.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;

  // `gate` is passed by every task, as in ThreadPool; may be null.
  explicit Timer(TaskGate* gate = nullptr) : gate_(gate) {}
  ~Timer() { Stop(); }

  // Drops what is not due, then joins. What comes later is dropped as well. Not for a task.
  void Stop();

  void After(Clock::duration delay, TaskQueue::Task task);

 private:
  void Run();

  TaskGate* const gate_;
  std::mutex mu_;  // of all below; waits have an end, which CondVar's have not
  std::condition_variable changed_;
  std::multimap<Clock::time_point, TaskQueue::Task> tasks_;  // and in the order of their coming
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_TIMER_H_
