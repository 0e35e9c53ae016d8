#include "server/config.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<CommandLine> Parse(const std::vector<const char*>& arguments) {
  return ParseFlags(arguments);
}

void ExpectInvalid(const std::vector<const char*>& arguments, const std::string& text) {
  const auto parsed = Parse(arguments);
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(text));
}

TEST(ConfigTest, ReadsBothWaysOfWritingFlags) {
  const auto parsed = Parse({"--data-dir", "/d", "--listen=127.0.0.1:0", "--memory-budget", "512M",
                             "--slab-memory=3Gi", "--build-threads", "7", "--drain-timeout=1m30s"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->print, "");
  const ServerConfig& config = parsed->config;
  EXPECT_EQ(config.data_dir, "/d");
  EXPECT_EQ(config.listen, "127.0.0.1:0");
  EXPECT_EQ(config.memory_budget, int64_t{512} << 20);
  EXPECT_EQ(config.slab_memory, int64_t{3} << 30);
  EXPECT_EQ(config.build_threads, 7);
  EXPECT_EQ(config.drain_timeout, absl::Seconds(90));
  EXPECT_EQ(config.plan_memory, ServerConfig().plan_memory);
}

TEST(ConfigTest, AnEmptyValueIsNotTheNextArgument) {
  const auto parsed = Parse({"--metrics-listen=", "--data-dir=a=b", "--snapshot-dir", ""});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config.metrics_listen, "");
  EXPECT_EQ(parsed->config.data_dir, "a=b");
}

TEST(ConfigTest, TheLastOfSeveralCounts) {
  const auto parsed =
      Parse({"--data-dir", "a", "--max-streams=7", "--data-dir=b", "--max-streams", "010"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config.data_dir, "b");
  EXPECT_EQ(parsed->config.max_streams, 10);  // not octal
}

TEST(ConfigTest, ReplicasAndUpkeepAreCheckedTogether) {
  const auto good = Parse({"--data-dir=d", "--follow=a:1,unix:/s", "--follow-every=1s",
                           "--follow-max-lag=1m", "--follow-deletes=off"});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->config.follow, "a:1,unix:/s");
  EXPECT_FALSE(good->config.follow_deletes);
  EXPECT_TRUE(Parse({"--data-dir=d", "--keep-versions=2", "--keep-for=24h", "--pin=a,b@3"}).ok());
  const auto invalid = [](const std::vector<const char*>& arguments, const std::string& text) {
    std::vector<const char*> all = {"--data-dir=d"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    ExpectInvalid(all, text);
  };
  invalid({"--follow=a"}, "--follow: \"a\"; HOST:PORT");
  invalid({"--follow=a:1,"}, "--follow: \"a:1,\"; HOST:PORT");
  invalid({"--follow=a:1", "--follow-every=10s", "--follow-max-lag=5s"},
          "--follow-max-lag: \"5s\"; 0s, or at least --follow-every, 10s");
  invalid({"--follow=a:1", "--keep-versions=2"}, "--keep-versions: \"2\"; with --follow");
  invalid({"--follow=a:1", "--keep-for=1h"}, "--keep-for: \"1h\"; with --follow");
  invalid({"--pin=a@x"}, "--pin: \"a@x\"; ");
  invalid({"--snapshot-every=1h"}, "--snapshot-every: \"1h\"; needs --snapshot-dir");
  invalid({"--snapshot-dir=s", "--snapshot-every=1ms"}, "--snapshot-every: \"1ms\"; 0s, or");
  invalid({"--snapshot-dir=s", "--snapshot-keep=0"}, "--snapshot-keep: \"0\"; 1 to");
}

TEST(ConfigTest, AsksForTheDataFolder) { ExpectInvalid({}, "--data-dir: \"\"; name a folder"); }

TEST(ConfigTest, DataAreInOnePlace) {
  const auto parsed = Parse({"--store=rados://pool/space?conf=/c&id=feed"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(StorePlace(parsed->config), "rados://pool/space?conf=/c&id=feed");
  EXPECT_EQ(StorePlace(Parse({"--data-dir=d"})->config), "d");
  ExpectInvalid({"--data-dir=d", "--store=rados://pool"},
                "--store: \"rados://pool\"; --data-dir is \"d\"; give one of both");
  ExpectInvalid({"--store=/data"}, "--store: \"/data\"; rados://POOL...");
  ExpectInvalid({"--data-dir=rados://pool"}, "--data-dir: \"rados://pool\"; a folder");
  ExpectInvalid({"--data-dir=d", "--cache-dir=c"}, "--cache-dir: \"c\"; for data that come over a");
  ExpectInvalid({"--store=rocksdb://d", "--cache-dir=c"}, "--cache-dir: \"c\"; for data that come");
  ExpectInvalid({"--store=rados://pool", "--cache-dir=c", "--cache-disk=1M"},
                "--cache-disk: \"1M\"; at least 64M");
  ExpectInvalid({"--store=rados://pool", "--snapshot-dir=s"}, "--snapshot-dir: \"s\"; ");
}

TEST(ConfigTest, RefusalsNameFlagValueAndLimit) {
  ExpectInvalid({"--data-dir", "d", "--port", "1"}, "there is no flag \"--port\"");
  ExpectInvalid({"--data-dir", "d", "--memory-limit=1G"}, "there is no flag \"--memory-limit\"");
  ExpectInvalid({"--data-dir", "d", "extra"}, "there is no flag \"extra\"");
  ExpectInvalid({"--data-dir"}, "--data-dir: 1 required DIR");
  ExpectInvalid({"--data-dir", "d", "--memory-budget", "4X"}, "--memory-budget: \"4X\"");
  ExpectInvalid({"--data-dir", "d", "--memory-budget", "-1"}, "--memory-budget: \"-1\"");
  ExpectInvalid({"--data-dir", "d", "--memory-budget="}, "--memory-budget: \"\"");
  ExpectInvalid({"--data-dir", "d", "--memory-budget", "1K"},
                "--memory-budget: \"1K\"; at least 1M");
  ExpectInvalid({"--data-dir", "d", "--request-memory", "8000P"},
                "--request-memory: \"8000P\"; 1M to 1024P");
  ExpectInvalid({"--data-dir", "d", "--max-frame-bytes", "2G"}, "--max-frame-bytes: \"2G\"; 1K to");
  ExpectInvalid({"--data-dir", "d", "--build-threads", "2000"},
                "--build-threads: \"2000\"; 0 to 1024");
  ExpectInvalid({"--data-dir", "d", "--build-threads", "two"}, "--build-threads: \"two\"");
  ExpectInvalid({"--data-dir", "d", "--build-threads", "2.5"}, "--build-threads: \"2.5\"");
  ExpectInvalid({"--data-dir", "d", "--drain-timeout", "soon"}, "--drain-timeout: \"soon\"");
  ExpectInvalid({"--data-dir", "d", "--drain-timeout", "48h"}, "--drain-timeout: \"48h\"");
  ExpectInvalid({"--data-dir", "d", "--max-workers", "0"}, "--max-workers: \"0\"; 1 to 1000000");
  ExpectInvalid({"--data-dir", "d", "--forget-workers-after", "-1s"},
                "--forget-workers-after: \"-1s\"; 0s to 720h");
  ExpectInvalid({"--data-dir", "d", "--forget-workers-after", "721h"}, "0s to 720h");
  ExpectInvalid({"--data-dir", "d", "--listen", ""}, "--listen");
  ExpectInvalid({"--data-dir", "d", "--listen", "localhost"},
                "--listen: \"localhost\"; HOST:PORT, such as 0.0.0.0:50051 or [::]:50051, or "
                "unix:PATH");
  ExpectInvalid({"--data-dir", "d", "--metrics-listen", "9090"},
                "--metrics-listen: \"9090\"; HOST:PORT");
  ExpectInvalid({"--data-dir", "d", "--metrics-listen", "unix:/m"}, "HOST:PORT");
  ExpectInvalid({"--data-dir", "d", "--log-level", "chatty"},
                "--log-level: \"chatty\"; trace, debug, info, warn, error or off");
  ExpectInvalid({"--data-dir", "d", "--log-level="}, "--log-level");
}

TEST(ConfigTest, EveryProblemIsListed) {
  const auto parsed = Parse({"--memory-budget", "4X", "--listen", "localhost", "--max-workers=0"});
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, HasSubstr("--memory-budget: \"4X\"; "));
  EXPECT_THAT(message, HasSubstr("\n--data-dir: \"\"; name a folder"));
  EXPECT_THAT(message, HasSubstr("\n--listen: \"localhost\"; HOST:PORT"));
  EXPECT_THAT(message, HasSubstr("\n--max-workers: \"0\"; 1 to 1000000"));
}

TEST(ConfigTest, LogLevelsAreWhatIsMeant) {
  for (const auto& [written, meant] : std::vector<std::pair<const char*, const char*>>{
           {"info", "info"}, {"INFO", "info"}, {"Warning", "warn"}, {"ERR", "error"}}) {
    const auto parsed = Parse({"--data-dir", "d", "--log-level", written});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->config.log_level, meant);
  }
}

TEST(ConfigTest, WhatIsSetWithoutFlagsIsCheckedToo) {
  ServerConfig config;
  config.data_dir = "d";
  EXPECT_TRUE(ValidateConfig(config).ok());
  config.log_level = "loud";
  EXPECT_THAT(std::string(ValidateConfig(config).message()), HasSubstr("--log-level: \"loud\""));
  config.log_level = "off";
  config.listen = "localhost";
  EXPECT_THAT(std::string(ValidateConfig(config).message()), HasSubstr("--listen"));
}

TEST(ConfigTest, HelpNamesEveryFlagAndItsDefault) {
  const auto parsed = Parse({"--help"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->print,
              AllOf(HasSubstr("--metrics-listen ADDR"), HasSubstr("--listen ADDR=127.0.0.1:50051"),
                    HasSubstr("--plan-memory BYTES=256M"), HasSubstr("--log-level LEVEL=info"),
                    HasSubstr("--drain-timeout TIME=30s"), HasSubstr("--data-dir DIR"),
                    HasSubstr("--check-config"), HasSubstr("SIGTERM")));
}

TEST(ConfigTest, VersionIsPrinted) {
  const auto parsed = Parse({"--version"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->print, testing::MatchesRegex("graphfeed-server [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(MemoryWarningsTest, LimitsBeyondTheMemoryAreNamedWithBothNumbers) {
  ServerConfig config;  // 3.5G together
  EXPECT_THAT(MemoryWarnings(config, int64_t{4} << 30), IsEmpty());
  EXPECT_THAT(MemoryWarnings(config, int64_t{2} << 30),
              ElementsAre(AllOf(HasSubstr("are 3.8G together"), HasSubstr("has 2.0G"))));
  config.memory_budget = int64_t{1} << 40;
  EXPECT_THAT(MemoryWarnings(config, int64_t{24} << 30),
              ElementsAre("--memory-budget is 1T; the machine or container has 24.0G"));
  config.slab_memory = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(
      MemoryWarnings(config, int64_t{900} << 20),
      ElementsAre(HasSubstr("--memory-budget is 1T"), HasSubstr("--slab-memory"),
                  HasSubstr("--partition-memory is 1G; the machine or container has 900M")));
}

}  // namespace
}  // namespace graphfeed
