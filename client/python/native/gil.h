#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_GIL_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_GIL_H_

// Python's lock, also on threads that still run while the interpreter ends.

#include <cxxabi.h>
#include <pybind11/pybind11.h>

#include <functional>

namespace graphfeed::python {

// Ends threads as Python 3.14 does: what wants the lock while the interpreter ends waits for the
// end of the process. Older ones call pthread_exit there, whose unwinding ends the process by
// std::terminate at the first frame that is noexcept, as destructors are.
[[noreturn]] void WaitForExit();

// What `call` returns, which may take the lock or run Python code.
template <typename F>
auto OrWaitForExit(F&& call) {
  try {
    return call();
  } catch (abi::__forced_unwind&) {
    WaitForExit();
  }
}

// Leaves the lock to others while it lives. Belongs to one thread.
class GilReleased {
 public:
  GilReleased();
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;
  ~GilReleased();

 private:
  PyThreadState* const outer_;  // of the release around this one, null without
};

// Calls `call`, which may run Python code, if this thread has released the lock. False if not, as
// for a thread of the client's own, which knows no Python.
bool WithGil(const std::function<void()>& call);

// Runs Python's signal handlers if this thread has released the lock and is the one that runs them.
// True if one has raised; the exception stays with the thread.
bool SignalRaised();

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_GIL_H_
