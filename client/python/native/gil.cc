#include "client/python/native/gil.h"

#include <unistd.h>

namespace graphfeed::python {

namespace {

// The state of a thread that has released the lock.
thread_local PyThreadState* released_state = nullptr;

}  // namespace

void WaitForExit() {
  for (;;) pause();
}

GilReleased::GilReleased() : outer_(released_state) { released_state = PyEval_SaveThread(); }

GilReleased::~GilReleased() {
  OrWaitForExit([] { PyEval_RestoreThread(released_state); });
  released_state = outer_;
}

bool WithGil(const std::function<void()>& call) {
  if (released_state == nullptr) return false;
  OrWaitForExit([&call] {
    PyEval_RestoreThread(released_state);
    call();
    released_state = PyEval_SaveThread();
  });
  return true;
}

bool SignalRaised() {
  bool raised = false;
  WithGil([&raised] { raised = PyErr_Occurred() != nullptr || PyErr_CheckSignals() != 0; });
  return raised;
}

}  // namespace graphfeed::python
