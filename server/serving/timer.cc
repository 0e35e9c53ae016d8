#include "server/serving/timer.h"

#include <utility>

#include "storage/base/allocation.h"

namespace graphfeed {

void Timer::Stop() {
  std::multimap<Clock::time_point, TaskQueue::Task> dropped;  // without the lock
  std::thread thread;
  {
    const std::lock_guard lock(mu_);
    closing_ = true;
    dropped.swap(tasks_);
    thread = std::move(thread_);
    changed_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

void Timer::After(Clock::duration delay, TaskQueue::Task task) {
  const std::lock_guard lock(mu_);
  if (closing_) return;
  tasks_.emplace(Clock::now() + delay, std::move(task));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_one();
}

void Timer::Run() {
  while (true) {
    TaskQueue::Task task;
    {
      std::unique_lock lock(mu_);
      while (!closing_ && (tasks_.empty() || tasks_.begin()->first > Clock::now())) {
        if (tasks_.empty()) {
          changed_.wait(lock);
        } else {
          changed_.wait_until(lock, Clock::time_point(tasks_.begin()->first));
        }
      }
      if (closing_) return;
      task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
    }
    if (gate_ != nullptr) gate_->Enter();
    (void)WithinMemory([&] {
      task();
      return absl::OkStatus();
    });
    task = nullptr;  // what it held goes within the gate too
    if (gate_ != nullptr) gate_->Leave();
  }
}

}  // namespace graphfeed
