#include "server/serving/task_queue.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <deque>

#include "storage/base/allocation.h"

namespace graphfeed {
namespace {

using Clock = std::chrono::steady_clock;

// Time is counted in these, each begun one as a whole: short tasks take turns.
constexpr std::chrono::microseconds kUnit(50);

// A task that begins takes the processor from nobody who has it: from threads that send what was
// built before, above all. The share of the time is as before. Where whoever started the process
// has chosen how it is scheduled, or it is refused, all stays as it is.
void InterruptNobody() {
  int policy = 0;
  sched_param priority{};
  if (pthread_getschedparam(pthread_self(), &policy, &priority) != 0 || policy != SCHED_OTHER) {
    return;
  }
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &priority);
}

uint64_t UnitsOf(Clock::duration time) {
  return 1 + static_cast<uint64_t>(std::max(time, Clock::duration::zero()) / kUnit);
}

}  // namespace

// Tasks, or lines that take turns. A line is in its parent's heap while there is something to run
// in it.
struct ThreadPool::Line {
  explicit Line(std::shared_ptr<Line> of) : parent(std::move(of)) {}

  bool empty() const { return tasks.empty() && waiting.empty(); }

  // The order of a heap whose first is the next one.
  static bool Later(const std::shared_ptr<Line>& a, const std::shared_ptr<Line>& b) {
    return a->spent != b->spent ? a->spent > b->spent : a->turn > b->turn;
  }
  void Push(std::shared_ptr<Line> line, uint64_t at_turn) {
    line->turn = at_turn;
    waiting.push_back(std::move(line));
    std::push_heap(waiting.begin(), waiting.end(), &Later);
  }
  std::shared_ptr<Line> Pop() {
    std::pop_heap(waiting.begin(), waiting.end(), &Later);
    std::shared_ptr<Line> line = std::move(waiting.back());
    waiting.pop_back();
    return line;
  }

  const std::shared_ptr<Line> parent;
  std::deque<Task> tasks;
  std::vector<std::shared_ptr<Line>> waiting;  // a heap of the lines in it that are not empty
  uint64_t spent = 0;    // units; what is in `unpaid` comes to it when the line is looked at
  uint64_t unpaid = 0;   // of tasks that have run since then
  uint64_t turn = 0;     // when it was last put into the heap
  uint64_t reached = 0;  // `spent` of the line in it that was taken last: who joins begins there
};

class ThreadPool::Queue final : public TaskQueue {
 public:
  Queue(ThreadPool& pool, const std::shared_ptr<Line>& parent)
      : pool_(pool),
        lines_(std::make_shared<Line>(parent)),
        own_line_(std::make_shared<Line>(lines_)) {}

  void Post(Task task) override { pool_.PostTo(own_line_, std::move(task)); }
  std::unique_ptr<TaskQueue> NewQueue() override { return std::make_unique<Queue>(pool_, lines_); }

 private:
  ThreadPool& pool_;
  const std::shared_ptr<Line> lines_;     // of what is posted here, and of the queues made here
  const std::shared_ptr<Line> own_line_;  // what is posted here
};

ThreadPool::ThreadPool(int num_threads, TaskGate* gate, Now now)
    : gate_(gate),
      now_(now),
      root_(std::make_shared<Line>(nullptr)),
      own_queue_(std::make_unique<Queue>(*this, root_)) {
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

void ThreadPool::Post(Task task) { own_queue_->Post(std::move(task)); }

std::unique_ptr<TaskQueue> ThreadPool::NewQueue() { return std::make_unique<Queue>(*this, root_); }

void ThreadPool::PostTo(const std::shared_ptr<Line>& line, Task task) {
  MutexLock lock(&mu_);
  bool joins = line->empty();
  line->tasks.push_back(std::move(task));
  // Up to the first line that has its place already.
  for (std::shared_ptr<Line> child = line; joins && child->parent != nullptr;
       child = child->parent) {
    Line& parent = *child->parent;
    joins = parent.empty();
    child->spent = std::max(child->spent + std::exchange(child->unpaid, 0), parent.reached);
    parent.Push(child, ++turns_);
  }
  ++num_tasks_;
  changed_.Signal();
}

size_t ThreadPool::queue_length() const {
  MutexLock lock(&mu_);
  return num_tasks_;
}

// Down from the root, the line that has spent least at each level. What is left of the lines on the
// way is put back.
std::shared_ptr<ThreadPool::Line> ThreadPool::TakeNext(Task& task) {
  std::shared_ptr<Line> line = root_;
  while (!line->waiting.empty()) {
    std::shared_ptr<Line> next = line->Pop();
    while (next->unpaid > 0) {  // it may have had its share
      next->spent += std::exchange(next->unpaid, 0);
      line->Push(std::move(next), ++turns_);
      next = line->Pop();
    }
    line->reached = std::max(line->reached, next->spent);
    line = std::move(next);
  }
  task = std::move(line->tasks.front());
  line->tasks.pop_front();
  --num_tasks_;
  for (std::shared_ptr<Line> back = line; back->parent != nullptr; back = back->parent) {
    if (!back->empty()) back->parent->Push(back, ++turns_);
  }
  return line;
}

void ThreadPool::Run() {
  InterruptNobody();
  std::shared_ptr<Line> line;  // of the task that has run
  uint64_t units = 0;          // which that took
  while (true) {
    Task task;
    {
      MutexLock lock(&mu_);
      for (; line != nullptr; line = line->parent) line->unpaid += units;
      while (num_tasks_ == 0 && !closing_) changed_.Wait(&mu_);
      if (num_tasks_ == 0) return;
      line = TakeNext(task);
    }
    // Whose call it was has been told by what the task held, when that was let go (absl::Cleanup).
    if (gate_ != nullptr) gate_->Enter();
    const Clock::time_point start = now_();
    (void)WithinMemory([&] {
      task();
      return absl::OkStatus();
    });
    task = nullptr;  // what it held goes within the gate too
    units = UnitsOf(now_() - start);
    if (gate_ != nullptr) gate_->Leave();
  }
}

}  // namespace graphfeed
