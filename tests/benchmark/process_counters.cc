#include "tests/benchmark/process_counters.h"

#include <time.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace graphfeed {
namespace {

// Field 10 of /proc/PID/stat. Behind the program's name, which may hold anything, comes field 3.
int64_t MinorFaults(const std::string& folder) {
  std::ifstream file(folder + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields = absl::StrSplit(text.substr(name_end + 2), ' ');
  int64_t faults = 0;
  return fields.size() > 7 && absl::SimpleAtoi(fields[7], &faults) ? faults : 0;
}

int64_t ContextSwitches(const std::string& folder) {
  int64_t sum = 0;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", ignored)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      int64_t count = 0;
      if (std::sscanf(line.c_str(), "voluntary_ctxt_switches: %ld", &count) == 1 ||
          std::sscanf(line.c_str(), "nonvoluntary_ctxt_switches: %ld", &count) == 1) {
        sum += count;
      }
    }
  }
  return sum;
}

}  // namespace

ProcessCounters CountersOf(pid_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid);
  ProcessCounters counters{.minor_faults = MinorFaults(folder),
                           .context_switches = ContextSwitches(folder)};
  clockid_t clock = 0;
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
    counters.cpu_seconds =
        static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  return counters;
}

}  // namespace graphfeed
