#include "server/memory_limit.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

// A system's files below a folder of their own.
class MemoryLimitTest : public testing::Test {
 protected:
  MemoryLimitTest() {
    root_ = testing::TempDir() + "/memory_limit_XXXXXX";
    EXPECT_NE(mkdtemp(root_.data()), nullptr);
    Write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:        10 kB\n");
  }
  ~MemoryLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::optional<int64_t> Limit() const { return MemoryLimit(root_); }

  std::string root_;
};

TEST_F(MemoryLimitTest, WithoutGroupsItIsTheMachines) {
  EXPECT_EQ(Limit(), 1000 * 1024);
  EXPECT_GT(MemoryLimit().value_or(0), 0);
  EXPECT_EQ(MemoryLimit(root_ + "/nowhere"), std::nullopt);
}

TEST_F(MemoryLimitTest, TheNarrowestGroupCounts) {
  Write("/proc/self/cgroup", "0::/pod/container\n");
  Write("/sys/fs/cgroup/pod/container/memory.max", "max\n");
  EXPECT_EQ(Limit(), 1000 * 1024);
  Write("/sys/fs/cgroup/pod/memory.max", "500000\n");
  EXPECT_EQ(Limit(), 500000);
  Write("/sys/fs/cgroup/pod/container/memory.max", "400000\n");
  EXPECT_EQ(Limit(), 400000);
}

TEST_F(MemoryLimitTest, AContainersOwnGroupIsTheRootOfWhatItSees) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "300000\n");
  EXPECT_EQ(Limit(), 300000);
}

TEST_F(MemoryLimitTest, VersionOneIsReadToo) {
  Write("/proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/abc\n0::/\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "200000\n");
  EXPECT_EQ(Limit(), 200000);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // none
  EXPECT_EQ(Limit(), 1000 * 1024);
}

}  // namespace
}  // namespace graphfeed
