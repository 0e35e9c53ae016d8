#include "server/serving/task_queue.h"

#include "storage/base/allocation.h"

namespace graphfeed {

class ThreadPool::Queue final : public TaskQueue {
 public:
  explicit Queue(ThreadPool& pool) : pool_(pool) {}

  void Post(Task task) override { pool_.PostTo(line_, std::move(task)); }
  std::unique_ptr<TaskQueue> NewQueue() override { return pool_.NewQueue(); }

 private:
  ThreadPool& pool_;
  const std::shared_ptr<Line> line_ = std::make_shared<Line>();  // shared with the pool's turns
};

ThreadPool::ThreadPool(int num_threads, TaskGate* gate) : gate_(gate) {
  for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { Run(); });
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mu_);
    closing_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

std::unique_ptr<TaskQueue> ThreadPool::NewQueue() { return std::make_unique<Queue>(*this); }

void ThreadPool::PostTo(const std::shared_ptr<Line>& line, Task task) {
  MutexLock lock(&mu_);
  if (line->empty()) turns_.push_back(line);
  line->push_back(std::move(task));
  ++num_tasks_;
  changed_.Signal();
}

size_t ThreadPool::queue_length() const {
  MutexLock lock(&mu_);
  return num_tasks_;
}

void ThreadPool::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(&mu_);
      while (turns_.empty() && !closing_) changed_.Wait(&mu_);
      if (turns_.empty()) return;
      std::shared_ptr<Line> line = std::move(turns_.front());
      turns_.pop_front();
      task = std::move(line->front());
      line->pop_front();
      --num_tasks_;
      if (!line->empty()) turns_.push_back(std::move(line));
    }
    // Whose call it was has been told by what the task held, when that was let go (absl::Cleanup).
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
