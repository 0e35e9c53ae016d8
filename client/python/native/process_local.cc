#include "client/python/native/process_local.h"

#include <pthread.h>
#include <stdlib.h>

#include <atomic>
#include <string>

#include "client/python/native/errors.h"

namespace graphfeed::python {
namespace {

std::atomic<int> generation{0};
std::atomic<int> open_streams{0};
std::atomic<bool> forked_while_open{false};

void AfterForkInChild() {
  generation.fetch_add(1, std::memory_order_relaxed);
  if (open_streams.exchange(0) > 0) forked_while_open = true;
}

}  // namespace

int ForkGeneration() { return generation.load(std::memory_order_relaxed); }

void AddOpenStream(int change) { open_streams.fetch_add(change, std::memory_order_relaxed); }

void CheckForkedCleanly() {
  if (!forked_while_open) return;
  Raise(absl::FailedPreconditionError(
      "this process was forked while graphfeed streams were open, and gRPC does not survive that; "
      "start it before iterating over a loader, or with multiprocessing's \"spawn\""));
}

void RaiseInherited(const char* what) {
  Raise(absl::FailedPreconditionError(
      std::string(what) + " belongs to the process from which this one was forked; make another"));
}

void PrepareForForks() {
  // gRPC stops its threads around forks if it is told so before it starts.
  setenv("GRPC_ENABLE_FORK_SUPPORT", "true", /*overwrite=*/0);
  pthread_atfork(nullptr, nullptr, AfterForkInChild);
}

}  // namespace graphfeed::python
