#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_PROCESS_LOCAL_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_PROCESS_LOCAL_H_

// Forked processes inherit objects whose threads and locks stayed behind in the parent.

#include <memory>
#include <utility>

#include "client/cpp/fork.h"

namespace graphfeed::python {

// Raises FAILED_PRECONDITION: the object belongs to the parent process.
[[noreturn]] void RaiseInherited(const char* what);

// Owns an object that only the process that made it may use; a forked child leaves it alone, also
// when it drops it.
template <typename T>
class ProcessLocal {
 public:
  ProcessLocal() = default;
  explicit ProcessLocal(std::unique_ptr<T> value) : value_(std::move(value)) {}
  ProcessLocal(ProcessLocal&&) noexcept = default;
  ProcessLocal& operator=(ProcessLocal&&) noexcept = default;
  ~ProcessLocal() {
    if (inherited()) (void)value_.release();
  }

  bool inherited() const { return generation_ != ForkGeneration(); }
  T& Get(const char* what) const {
    if (inherited()) RaiseInherited(what);
    return *value_;
  }
  // Also in a forked child, for objects that need neither threads nor locks to be read.
  const T& GetInherited() const { return *value_; }
  // Empty afterwards; null when the object is the parent's.
  std::unique_ptr<T> Take() {
    if (!inherited()) return std::move(value_);
    (void)value_.release();
    return nullptr;
  }

 private:
  int generation_ = ForkGeneration();
  std::unique_ptr<T> value_;
};

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_PROCESS_LOCAL_H_
