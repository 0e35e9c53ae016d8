#include "server/config.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::optional<ServerConfig>> Parse(const std::vector<const char*>& arguments) {
  return ParseFlags(arguments);
}

void ExpectInvalid(const std::vector<const char*>& arguments, const std::string& text) {
  const auto config = Parse(arguments);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(text));
}

TEST(ConfigTest, ReadsBothWaysOfWritingFlags) {
  const auto config = Parse({"--data-dir", "/d", "--listen=127.0.0.1:0", "--memory-budget", "512M",
                             "--slab-memory=3G", "--build-threads", "7", "--drain-timeout=1m30s"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ((*config)->data_dir, "/d");
  EXPECT_EQ((*config)->listen, "127.0.0.1:0");
  EXPECT_EQ((*config)->memory_budget, int64_t{512} << 20);
  EXPECT_EQ((*config)->slab_memory, int64_t{3} << 30);
  EXPECT_EQ((*config)->build_threads, 7);
  EXPECT_EQ((*config)->drain_timeout, absl::Seconds(90));
  EXPECT_EQ((*config)->plan_memory, ServerConfig().plan_memory);
}

TEST(ConfigTest, AsksForTheDataFolder) { ExpectInvalid({}, "--data-dir"); }

TEST(ConfigTest, RefusalsNameFlagValueAndLimit) {
  ExpectInvalid({"--data-dir", "d", "--port", "1"}, "--port: no such flag");
  ExpectInvalid({"--data-dir", "d", "extra"}, "\"extra\": no such argument");
  ExpectInvalid({"--data-dir"}, "--data-dir: needs a value");
  ExpectInvalid({"--data-dir", "d", "--memory-budget", "4X"}, "--memory-budget: \"4X\"");
  ExpectInvalid({"--data-dir", "d", "--memory-budget", "1K"}, "--memory-budget: \"1024\"; 1M to");
  ExpectInvalid({"--data-dir", "d", "--max-frame-bytes", "2G"}, "--max-frame-bytes");
  ExpectInvalid({"--data-dir", "d", "--build-threads", "2000"},
                "--build-threads: \"2000\"; 0 to 1024");
  ExpectInvalid({"--data-dir", "d", "--build-threads", "two"}, "--build-threads: \"two\"");
  ExpectInvalid({"--data-dir", "d", "--drain-timeout", "soon"}, "--drain-timeout: \"soon\"");
  ExpectInvalid({"--data-dir", "d", "--drain-timeout", "48h"}, "--drain-timeout: \"48h\"");
  ExpectInvalid({"--data-dir", "d", "--listen", ""}, "--listen");
}

TEST(ConfigTest, HelpNamesEveryFlagAndItsDefault) {
  const auto config = Parse({"--help"});
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->has_value());
  EXPECT_THAT(FlagsHelp(), HasSubstr("--metrics-listen ADDR"));
  EXPECT_THAT(FlagsHelp(), HasSubstr("[0.0.0.0:50051]"));
  EXPECT_THAT(FlagsHelp(), HasSubstr("[256M]"));
}

TEST(ParseBytesTest, UnitsArePowersOf1024) {
  EXPECT_EQ(*ParseBytes("0"), 0);
  EXPECT_EQ(*ParseBytes("1536"), 1536);
  EXPECT_EQ(*ParseBytes("2k"), 2048);
  EXPECT_EQ(*ParseBytes("512M"), int64_t{512} << 20);
  EXPECT_EQ(*ParseBytes("4G"), int64_t{4} << 30);
  EXPECT_EQ(*ParseBytes("1T"), int64_t{1} << 40);
  for (const char* bad : {"", "M", "-1", "1.5G", "9999999999T", "1GB", "0x10"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace graphfeed
