#ifndef GRAPHFEED_TESTS_BENCHMARK_PROCESS_COUNTERS_H_
#define GRAPHFEED_TESTS_BENCHMARK_PROCESS_COUNTERS_H_

#include <sys/types.h>

#include <cstdint>

namespace graphfeed {

// What the kernel has counted of a process since its start.
struct ProcessCounters {
  double cpu_seconds = 0;        // of all threads, also those that have ended
  int64_t minor_faults = 0;      // likewise
  int64_t context_switches = 0;  // of the threads that live

  friend ProcessCounters operator-(const ProcessCounters& a, const ProcessCounters& b) {
    return {.cpu_seconds = a.cpu_seconds - b.cpu_seconds,
            .minor_faults = a.minor_faults - b.minor_faults,
            .context_switches = a.context_switches - b.context_switches};
  }
};

// All zero when there is no such process.
ProcessCounters CountersOf(pid_t pid);

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_BENCHMARK_PROCESS_COUNTERS_H_
