#ifndef GRAPHFEED_SERVER_MEMORY_LIMIT_H_
#define GRAPHFEED_SERVER_MEMORY_LIMIT_H_

#include <cstdint>
#include <optional>
#include <string>

namespace graphfeed {

// Bytes of memory that this process can have: those of the machine, or what the control groups
// (version 1 and 2) that it lies in leave of them. nullopt if the system does not say.
// Reads /proc and /sys/fs/cgroup below `root`.
std::optional<int64_t> MemoryLimit(const std::string& root = "");

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_MEMORY_LIMIT_H_
