#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/cli.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

struct Result {
  int code;
  std::string out;
  std::string err;
};

Result RunWith(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "graphfeed");
  std::ostringstream out, err;
  const int code = RunCli(static_cast<int>(arguments.size()), arguments.data(), out, err);
  return {code, out.str(), err.str()};
}

TEST(UsageTest, EveryCommandHasHelp) {
  EXPECT_THAT(RunWith({"--help"}).out, HasSubstr("import"));
  for (const char* command :
       {"import", "ls", "describe", "plan", "stream", "partition", "rm", "top", "info"}) {
    const Result result = RunWith({command, "--help"});
    EXPECT_EQ(result.code, kExitOk) << command;
    EXPECT_THAT(result.out, HasSubstr("Usage: graphfeed"));
    EXPECT_EQ(result.err, "");
  }
  for (const char* format : {"tu", "npy"}) {
    EXPECT_THAT(RunWith({"import", format, "--help"}).out, HasSubstr("add_self_loops"));
  }
}

TEST(UsageTest, MistakesExitWithTwoAndSayWhat) {
  const Result unknown = RunWith({"lst"});
  EXPECT_EQ(unknown.code, kExitUsage);
  EXPECT_THAT(unknown.err, HasSubstr("graphfeed: there is no command 'lst'"));
  EXPECT_EQ(RunWith({}).code, kExitUsage);
  EXPECT_EQ(RunWith({"ls", "--jsn"}).code, kExitUsage);
  EXPECT_EQ(RunWith({"describe"}).code, kExitUsage);
  EXPECT_EQ(RunWith({"import", "tu", "x", "--server", "a:1", "--data-dir", "d"}).code, kExitUsage);
  EXPECT_THAT(RunWith({"partition", "g"}).err, HasSubstr("--parts"));
  EXPECT_EQ(RunWith({"partition", "g", "--parts", "0"}).code, kExitUsage);
}

TEST(UsageTest, FailuresExitWithOneAndNameTheCode) {
  const Result missing = RunWith({"import", "tu", "/nonexistent"});
  EXPECT_EQ(missing.code, kExitFailed);
  EXPECT_THAT(missing.err, HasSubstr("graphfeed: NOT_FOUND: "));
  EXPECT_EQ(missing.out, "");
  EXPECT_THAT(RunWith({"import", "tu", "/nonexistent", "--transform", "add_loops"}).err,
              HasSubstr("INVALID_ARGUMENT: unknown transform 'add_loops'"));
  EXPECT_THAT(RunWith({"import", "npy", "/nonexistent", "--kinds", "w"}).err,
              HasSubstr("--kinds is 'w'"));
  EXPECT_THAT(RunWith({"plan", "m", "--num-edges", "5"}).err,
              HasSubstr("--num-edges needs --num-nodes"));
}

}  // namespace
}  // namespace graphfeed
