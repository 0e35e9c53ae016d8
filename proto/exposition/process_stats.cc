#include "proto/exposition/process_stats.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace graphfeed {
namespace {

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Of this process, without the one that counts.
std::optional<int> OpenFiles() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  (void)closedir(folder);
  return count - 1;
}

// When the system started, Unix time.
std::optional<double> BootSeconds() {
  const std::string text = ReadAll("/proc/stat");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double seconds = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtod(line, &seconds)) return seconds;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ProcessStat> ProcessStats() {
  std::vector<ProcessStat> stats;
  const auto gauge = [&](const char* name, const char* help, double value) {
    stats.push_back({.name = name, .help = help, .counter = false, .value = value});
  };
  // proc(5): the name of the program, which may hold anything, ends with the last parenthesis; the
  // field behind it is the third.
  const std::string stat = ReadAll("/proc/self/stat");
  const size_t name_end = stat.rfind(") ");
  if (name_end != std::string::npos) {
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
    const auto field = [&](size_t number) {
      double value = 0;
      if (number - 3 < fields.size()) (void)absl::SimpleAtod(fields[number - 3], &value);
      return value;
    };
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    stats.push_back({.name = "process_cpu_seconds_total",
                     .help = "User and system CPU time.",
                     .counter = true,
                     .value = (field(14) + field(15)) / ticks});
    gauge("process_threads", "Threads.", field(20));
    gauge("process_virtual_memory_bytes", "Addresses in use.", field(23));
    gauge("process_resident_memory_bytes", "Resident memory.", field(24) * page);
    if (const std::optional<double> boot = BootSeconds()) {
      gauge("process_start_time_seconds", "Start of the process, Unix time.",
            *boot + field(22) / ticks);
    }
  }
  if (const std::optional<int> files = OpenFiles()) {
    gauge("process_open_fds", "Open file descriptors.", *files);
  }
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    gauge("process_max_fds", "File descriptors that the process may have.",
          static_cast<double>(limit.rlim_cur));
  }
  return stats;
}

}  // namespace graphfeed
