#include "server/config_sources.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config_table.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigSourcesTest : public testing::Test {
 protected:
  void WriteFile(const std::string& text) { std::ofstream(path_) << text; }

  std::vector<std::string> Read(const std::string& text, ServerConfig& config) {
    WriteFile(text);
    std::vector<std::string> problems;
    ReadConfigFile(path_, config, problems);
    return problems;
  }

  absl::StatusOr<CommandLine> Parse(const std::vector<const char*>& arguments) {
    return ParseFlags(arguments, [this](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    });
  }

  const std::string path_ = testing::TempDir() + "/config_sources_test.yaml";
  std::map<std::string, std::string> environment_;
};

TEST_F(ConfigSourcesTest, AFileHasFlagsByName) {
  ServerConfig config;
  EXPECT_THAT(Read("# where\ndata-dir: /data\nmemory-budget: 4Gi\nmax-streams: 7\n"
                   "drain-timeout: 1m\nshared-memory: off\nlisten: \"[::]:50051\"\n",
                   config),
              IsEmpty());
  EXPECT_EQ(config.data_dir, "/data");
  EXPECT_EQ(config.memory_budget, int64_t{4} << 30);
  EXPECT_EQ(config.max_streams, 7);
  EXPECT_EQ(config.drain_timeout, absl::Minutes(1));
  EXPECT_FALSE(config.shared_memory);
  EXPECT_EQ(config.listen, "[::]:50051");
  EXPECT_THAT(Read("shared-memory: true\n", config), IsEmpty());
  EXPECT_TRUE(config.shared_memory);
  EXPECT_THAT(Read("", config), IsEmpty());
}

TEST_F(ConfigSourcesTest, EveryProblemOfAFileHasItsLine) {
  ServerConfig config;
  EXPECT_THAT(
      Read("data_dir: /data\nmemory-budget: lots\nlisten: [a, b]\nmax-streams: 1\nmax-streams: 2\n",
           config),
      ElementsAre(HasSubstr(":1: data_dir: there is no such setting"),
                  HasSubstr(":2: memory-budget: \"lots\"; "),
                  HasSubstr(":3: listen: one value is wanted"),
                  HasSubstr(":5: max-streams: also in line 4")));
  EXPECT_THAT(Read("a: b: c\n", config), ElementsAre(HasSubstr(":1: ")));
  EXPECT_THAT(Read("- data-dir\n", config), ElementsAre(HasSubstr("not a map")));
  std::vector<std::string> problems;
  ReadConfigFile(path_ + ".absent", config, problems);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("cannot be read")));
}

TEST_F(ConfigSourcesTest, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  WriteFile("data-dir: file\nmax-streams: 1\nmax-workers: 1\n");
  environment_ = {{"GRAPHFEED_DATA_DIR", "environment"},
                  {"GRAPHFEED_MAX_STREAMS", "2"},
                  {"GRAPHFEED_MAX_INGESTS", ""},
                  {"GRAPHFEED_ENDPOINT", "a client's"}};
  const auto parsed = Parse({"--config", path_.c_str(), "--data-dir", "flag"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config.data_dir, "flag");
  EXPECT_EQ(parsed->config.max_streams, 2);
  EXPECT_EQ(parsed->config.max_workers, 1);
  EXPECT_EQ(parsed->config.max_ingests, ServerConfig().max_ingests);
}

TEST_F(ConfigSourcesTest, TheEnvironmentMayNameTheFile) {
  WriteFile("data-dir: file\n");
  environment_ = {{"GRAPHFEED_CONFIG", path_}};
  const auto parsed = Parse({"--check-config"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->check_only);
  EXPECT_EQ(parsed->config.data_dir, "file");
}

TEST_F(ConfigSourcesTest, ProblemsOfAllSourcesAreListedTogether) {
  WriteFile("data_dir: file\n");
  environment_ = {{"GRAPHFEED_MEMORY_BUDGET", "lots"}};
  const auto parsed = Parse({"--config", path_.c_str(), "--max-streams", "none"});
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, HasSubstr(":1: data_dir: there is no such setting"));
  EXPECT_THAT(message, HasSubstr("GRAPHFEED_MEMORY_BUDGET: \"lots\"; "));
  EXPECT_THAT(message, HasSubstr("--max-streams: \"none\"; a whole number"));
  EXPECT_THAT(message, HasSubstr("--data-dir: \"\"; name a folder"));
}

TEST(SettingsTest, WhatIsWrittenIsRead) {
  for (const Setting& setting : Settings()) {
    ServerConfig config;
    EXPECT_TRUE(Set(setting, ValueOf(setting, config), config).ok()) << setting.name;
    EXPECT_EQ(ValueOf(setting, config), ValueOf(setting, ServerConfig())) << setting.name;
  }
}

}  // namespace
}  // namespace graphfeed
