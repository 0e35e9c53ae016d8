#ifndef GRAPHFEED_CLIENT_WORKER_BOUNDED_QUEUE_H_
#define GRAPHFEED_CLIENT_WORKER_BOUNDED_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Hands values from one stage of a worker to the next, at most `capacity` of them at a time.
// Thread-safe.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  // Waits for room. False, and `value` is dropped, once the queue is closed.
  bool Push(T value) {
    MutexLock lock(&mu_);
    while (!closed_ && values_.size() >= capacity_) changed_.Wait(&mu_);
    if (closed_) return false;
    values_.push_back(std::move(value));
    changed_.SignalAll();
    return true;
  }
  // Waits for a value. nullopt when the queue is closed and has none left.
  std::optional<T> Pop() {
    MutexLock lock(&mu_);
    while (!closed_ && values_.empty()) changed_.Wait(&mu_);
    if (values_.empty()) return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    changed_.SignalAll();
    return value;
  }
  // A copy of what Pop would return at once, if anything.
  std::optional<T> Peek() {
    MutexLock lock(&mu_);
    if (values_.empty()) return std::nullopt;
    return values_.front();
  }
  // No more values will come. What is there can still be taken.
  void Close() {
    MutexLock lock(&mu_);
    closed_ = true;
    changed_.SignalAll();
  }
  // Close, and nobody wants what is there either.
  void Abandon() {
    std::deque<T> dropped;
    MutexLock lock(&mu_);
    closed_ = true;
    dropped.swap(values_);
    changed_.SignalAll();
  }

 private:
  const size_t capacity_;
  Mutex mu_;
  CondVar changed_;
  std::deque<T> values_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_BOUNDED_QUEUE_H_
