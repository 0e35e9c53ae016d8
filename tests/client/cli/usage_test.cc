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
  EXPECT_THAT(RunWith({"import", "foo", "x"}).err, HasSubstr("there is no command 'import foo'"));
  EXPECT_THAT(RunWith({"import"}).err, HasSubstr("subcommand is required"));
}

TEST(UsageTest, NumbersOutOfRangeAreNamedWithTheirLimit) {
  const auto stream = [](const char* flag, const char* value) {
    const Result result = RunWith({"stream", "m", flag, value});
    EXPECT_EQ(result.code, kExitUsage) << flag << " " << value;
    return result.err;
  };
  EXPECT_THAT(stream("--batch-size", "0"), HasSubstr("--batch-size: '0' is no number above 0\n"));
  EXPECT_THAT(stream("--batch-size", "x"), HasSubstr("--batch-size: 'x' is no number above 0\n"));
  EXPECT_THAT(stream("--epochs", "-1"), HasSubstr("--epochs: '-1' is no number from 0 on\n"));
  EXPECT_THAT(stream("--timeout", "nan"), HasSubstr("'nan' is no number above 0"));
  EXPECT_THAT(RunWith({"partition", "g", "--parts", "0"}).err, HasSubstr("'0' is no number"));
}

TEST(UsageTest, AnEmptyDataFolderIsNotTakenForTheDefaultServer) {
  const std::vector<std::vector<const char*>> commands = {
      {"stream", "m"},   {"plan", "m"},
      {"describe", "m"}, {"ls"},
      {"rm", "m"},       {"import", "tu", "x"},
      {"verify", "m"},   {"sync", "--from", "a:1"},
      {"export", "m"},   {"partition", "g", "--parts", "2"}};
  for (std::vector<const char*> command : commands) {
    command.insert(command.end(), {"--data-dir", ""});
    const Result result = RunWith(command);
    EXPECT_EQ(result.code, kExitUsage) << command[0];
    EXPECT_THAT(result.err, HasSubstr("--data-dir: '' names no folder")) << command[0];
  }
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
