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

bool SignalRaised() {
  // A thread of the client's own: it knows no Python, and no signals.
  if (released_state == nullptr) return false;
  return OrWaitForExit([] {
    PyEval_RestoreThread(released_state);
    const bool raised = PyErr_CheckSignals() != 0;
    released_state = PyEval_SaveThread();
    return raised;
  });
}

}  // namespace graphfeed::python
