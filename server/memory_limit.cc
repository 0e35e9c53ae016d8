#include "server/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace graphfeed {
namespace {

std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class Smallest {
 public:
  void Add(int64_t bytes) { value_ = value_.has_value() ? std::min(*value_, bytes) : bytes; }
  // A file that holds a number; "max" and a missing file limit nothing.
  void AddFile(const std::string& path) {
    const std::vector<std::string> lines = ReadLines(path);
    int64_t bytes = 0;
    if (!lines.empty() && absl::SimpleAtoi(lines[0], &bytes)) Add(bytes);
  }
  std::optional<int64_t> value() const { return value_; }

 private:
  std::optional<int64_t> value_;
};

}  // namespace

std::optional<int64_t> MemoryLimit(const std::string& root) {
  Smallest smallest;
  for (const std::string& line : ReadLines(absl::StrCat(root, "/proc/meminfo"))) {
    // "MemTotal:       24566792 kB"
    std::istringstream words(line);
    std::string name;
    int64_t kilobytes = 0;
    if (words >> name >> kilobytes && name == "MemTotal:") smallest.Add(kilobytes * 1024);
  }
  for (const std::string& line : ReadLines(absl::StrCat(root, "/proc/self/cgroup"))) {
    // "0::/group" of version 2, "9:memory:/group" of version 1. A group above may be narrower; in a
    // container the path may be the host's, and its own group is the root of what it sees.
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || (!parts[1].empty() && parts[1] != "memory")) continue;
    const bool version_2 = parts[1].empty();
    for (std::string group = parts[2];; group.resize(group.rfind('/'))) {
      absl::string_view folder = group;
      absl::ConsumeSuffix(&folder, "/");
      smallest.AddFile(absl::StrCat(root, "/sys/fs/cgroup", version_2 ? "" : "/memory", folder,
                                    version_2 ? "/memory.max" : "/memory.limit_in_bytes"));
      if (group.find('/') == std::string::npos) break;
    }
  }
  return smallest.value();
}

}  // namespace graphfeed
