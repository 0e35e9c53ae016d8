#include "client/cpp/receive_memory.h"

#include <malloc.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace graphfeed {
namespace {

constexpr int kTrimThreshold = 256 << 20;
constexpr int kMmapThreshold = 32 << 20;  // the most that glibc takes
// A heap of another thread's arena is given back when it is empty, whatever the threshold, unless
// the one before it has no room for so much.
constexpr int kTopPad = 64 << 20;

bool SetByUser() {
  const auto get = [](const char* name) -> absl::string_view {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  return get("GRAPHFEED_MALLOC") == "default" || !get("MALLOC_TRIM_THRESHOLD_").empty() ||
         !get("MALLOC_MMAP_THRESHOLD_").empty() || !get("MALLOC_TOP_PAD_").empty() ||
         absl::StrContains(get("GLIBC_TUNABLES"), "glibc.malloc.");
}

bool Set() {
  if (SetByUser()) return false;
  return mallopt(M_TRIM_THRESHOLD, kTrimThreshold) == 1 &&
         mallopt(M_MMAP_THRESHOLD, kMmapThreshold) == 1 && mallopt(M_TOP_PAD, kTopPad) == 1;
}

}  // namespace

bool KeepReceiveMemory() {
  static const bool set = Set();
  return set;
}

}  // namespace graphfeed
