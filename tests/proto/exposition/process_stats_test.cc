#include "proto/exposition/process_stats.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

std::map<std::string, double> Values() {
  std::map<std::string, double> values;
  for (const ProcessStat& stat : ProcessStats()) values[stat.name] = stat.value;
  return values;
}

TEST(ProcessStatsTest, SaysWhatThisProcessIs) {
  std::map<std::string, double> values = Values();
  EXPECT_GT(values["process_resident_memory_bytes"], 1 << 20);
  EXPECT_GT(values["process_virtual_memory_bytes"], values["process_resident_memory_bytes"]);
  EXPECT_GE(values["process_threads"], 1);
  EXPECT_GT(values["process_max_fds"], values["process_open_fds"]);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(values["process_start_time_seconds"], now + 2);
  EXPECT_GT(values["process_start_time_seconds"], now - 3600);
}

TEST(ProcessStatsTest, FollowsDescriptorsThreadsAndCpuTime) {
  const std::map<std::string, double> before = Values();
  const int fd = open("/dev/null", O_RDONLY);
  ASSERT_GE(fd, 0);
  double threads = 0;
  std::thread([&] { threads = Values()["process_threads"]; }).join();
  EXPECT_EQ(Values()["process_open_fds"], before.at("process_open_fds") + 1);
  EXPECT_EQ(threads, before.at("process_threads") + 1);
  close(fd);
  std::map<std::string, double> after = Values();
  const auto start = std::chrono::steady_clock::now();
  while (after["process_cpu_seconds_total"] <= before.at("process_cpu_seconds_total") &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(60)) {
    after = Values();  // works: reading takes time
  }
  EXPECT_GT(after["process_cpu_seconds_total"], before.at("process_cpu_seconds_total"));
}

}  // namespace
}  // namespace graphfeed
