#include "client/cpp/receive_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace graphfeed {
namespace {

// In a process of its own, since it is done once: whether it was set.
void ExpectSet(const char* name, const char* value, bool set) {
  EXPECT_EXIT(
      {
        for (const char* variable :
             {"GRAPHFEED_MALLOC", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_",
              "MALLOC_TOP_PAD_", "GLIBC_TUNABLES"}) {
          unsetenv(variable);
        }
        setenv(name, value, 1);
        _exit(KeepReceiveMemory() == set && KeepReceiveMemory() == set ? 0 : 1);
      },
      testing::ExitedWithCode(0), "")
      << name << "=" << value;
}

// A sanitizer has an allocator of its own, for which nothing can be set.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSet = false;
#else
constexpr bool kSet = true;
#endif

TEST(ReceiveMemoryTest, TheUsersOwnSettingsStay) {
  ExpectSet("GRAPHFEED_MALLOC", "default", false);
  ExpectSet("MALLOC_TRIM_THRESHOLD_", "131072", false);
  ExpectSet("MALLOC_MMAP_THRESHOLD_", "131072", false);
  ExpectSet("MALLOC_TOP_PAD_", "0", false);
  ExpectSet("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=1:glibc.malloc.arena_max=1", false);
  ExpectSet("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=1", kSet);
  ExpectSet("GRAPHFEED_MALLOC", "", kSet);
}

}  // namespace
}  // namespace graphfeed
