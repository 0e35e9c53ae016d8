#include "server/logging/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string pattern = testing::TempDir() + "/log_XXXXXX";
    folder_ = mkdtemp(pattern.data());
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    (void)fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
  }
  ~LogTest() override {
    close(pipe_[0]);
    close(pipe_[1]);
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Log> Open(Log::Options options) {
    options.fd = pipe_[1];
    auto log = Log::Open(options);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  std::string Written() const {
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = read(pipe_[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(size));
    }
    return text;
  }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
  int pipe_[2] = {-1, -1};
};

TEST_F(LogTest, WritesWhatIsOfItsLevelOrAbove) {
  const std::unique_ptr<Log> log = Open({.level = LogLevel::kWarn});
  log->Write(LogLevel::kInfo, "test.info", {});
  log->Write(LogLevel::kWarn, "test.warn", {});
  log->SetLevel(LogLevel::kDebug);
  log->Write(LogLevel::kDebug, "test.debug", {});
  log->SetLevel(LogLevel::kOff);
  log->Write(LogLevel::kError, "test.error", {});
  log->WriteAlways(LogLevel::kError, "test.always", {});
  ASSERT_TRUE(log->Flush(absl::Seconds(60)));
  const std::string text = Written();
  for (const char* there : {"test.warn", "test.debug", "test.always"}) {
    EXPECT_THAT(text, HasSubstr(there));
  }
  for (const char* absent : {"test.info", "test.error"}) EXPECT_THAT(text, Not(HasSubstr(absent)));
}

TEST_F(LogTest, AReaderThatDoesNotReadHoldsNobodyUpAndWhatItMissedIsTold) {
  std::unique_ptr<Log> log = Open({.queue_lines = 64});
  const std::string long_text(1000, 'x');
  for (int i = 0; i < 1000; ++i) {  // a pipe holds 64 KiB
    log->Write(LogLevel::kInfo, "test.line", {{"text", long_text}});
  }
  EXPECT_GT(log->dropped(), 500);
  EXPECT_FALSE(log->Flush(absl::ZeroDuration()));
  std::string text = Written();
  while (!log->Flush(absl::Milliseconds(1))) text += Written();
  log->Write(LogLevel::kInfo, "test.last", {});
  ASSERT_TRUE(log->Flush(absl::Seconds(60)));
  text += Written();
  int64_t told = 0;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const size_t found = line.find("log.dropped lines=");
    if (found != line.npos) told += std::atoll(line.c_str() + found + 18);
  }
  EXPECT_EQ(told, log->dropped());
  EXPECT_THAT(text, HasSubstr("test.last"));
}

TEST_F(LogTest, ALogGoesThoughItsReaderDoesNotRead) {
  std::unique_ptr<Log> log = Open({.queue_lines = 64});
  for (int i = 0; i < 200; ++i) {
    log->Write(LogLevel::kInfo, "test.line", {{"text", std::string(1000, 'x')}});
  }
  log.reset();  // returns
  // Its thread still waits with the pipe's other end, which must stay what it is.
  pipe_[1] = dup(pipe_[1]);
  while (!Written().empty()) std::this_thread::sleep_for(milliseconds(20));
}

TEST_F(LogTest, AuditsAreInTheirFileAtOnceWhateverTheLevel) {
  const std::string path = folder_ + "/audit";
  const std::unique_ptr<Log> log = Open({.level = LogLevel::kOff, .audit_file = path});
  log->Audit({.action = "delete",
              .principal = "ann",
              .peer = "ipv4:10.0.0.1:5",
              .dataset = "g@1",
              .request_id = "abc",
              .result = absl::OkStatus(),
              .details = {}});
  EXPECT_THAT(Contents(path),
              EndsWith(" info  audit action=delete principal=ann peer=ipv4:10.0.0.1:5 "
                       "dataset=g@1 result=OK request_id=abc\n"));
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(log->Flush(absl::Seconds(60)));
  EXPECT_EQ(Written(), "");
}

TEST_F(LogTest, AuditsAreAppendedAndGoToTheNewFileAfterARotation) {
  const std::string path = folder_ + "/audit";
  std::ofstream(path) << "before\n";
  const std::unique_ptr<Log> log = Open({.audit_file = path});
  log->Audit({.action = "first", .result = absl::OkStatus(), .details = {}});
  std::filesystem::rename(path, path + ".1");
  log->Audit({.action = "second", .result = absl::OkStatus(), .details = {}});
  ASSERT_TRUE(log->Reopen().ok());
  log->Audit({.action = "third", .result = absl::OkStatus(), .details = {}});
  EXPECT_THAT(Contents(path + ".1"), testing::StartsWith("before\n"));
  EXPECT_THAT(Contents(path + ".1"), HasSubstr("action=second"));
  EXPECT_THAT(Contents(path), HasSubstr("action=third"));
  EXPECT_THAT(Contents(path), Not(HasSubstr("action=second")));
}

TEST_F(LogTest, ARotationThatFailsLeavesTheFileInUse) {
  const std::string path = folder_ + "/below/audit";
  std::filesystem::create_directory(folder_ + "/below");
  const std::unique_ptr<Log> log = Open({.audit_file = path});
  std::filesystem::rename(folder_ + "/below", folder_ + "/moved");
  EXPECT_THAT(std::string(log->Reopen().message()),
              HasSubstr("--audit-log: \"" + path + "\"; cannot be opened: No such file"));
  log->Audit({.action = "kept", .result = absl::OkStatus(), .details = {}});
  EXPECT_THAT(Contents(folder_ + "/moved/audit"), HasSubstr("action=kept"));
}

TEST_F(LogTest, AFileOfAuditsThatCannotBeWrittenIsTold) {
  const std::unique_ptr<Log> log = Open({.audit_file = "/dev/full"});
  for (int i = 0; i < 3; ++i) {
    log->Audit({.action = "delete", .result = absl::OkStatus(), .details = {}});
  }
  ASSERT_TRUE(log->Flush(absl::Seconds(60)));
  const std::string text = Written();
  EXPECT_THAT(text, HasSubstr("error audit.failed message=\"writing \\\"/dev/full\\\": No space"));
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(text, "audit.failed")).size(), 2u) << text;
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(text, "action=delete")).size(), 4u) << text;
}

TEST_F(LogTest, NoFolderForAuditsIsAnErrorThatNamesTheFlag) {
  const auto log = Log::Open({.audit_file = folder_ + "/none/audit"});
  EXPECT_TRUE(absl::IsInvalidArgument(log.status()));
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("--audit-log: \"" + folder_));
}

TEST_F(LogTest, RefusalsAreAllInTheFileOfAuditsAndSomeInTheLog) {
  const std::string path = folder_ + "/audit";
  const std::unique_ptr<Log> log = Open({.audit_file = path});
  for (int i = 0; i < 100; ++i) {
    log->Audit({.action = "call", .result = absl::PermissionDeniedError("no"), .details = {}});
  }
  ASSERT_TRUE(log->Flush(absl::Seconds(60)));
  const auto count = [](const std::string& text) {
    return std::vector<std::string>(absl::StrSplit(text, " warn  audit ")).size() - 1;
  };
  EXPECT_EQ(count(Contents(path)), 100u);
  const std::string text = Written();
  EXPECT_GE(count(text), 20u);
  EXPECT_LT(count(text), 100u);
}

TEST_F(LogTest, StrangersCannotFillTheFileOfAudits) {
  const std::string path = folder_ + "/audit";
  const std::unique_ptr<Log> log = Open({.audit_file = path});
  const auto refuse = [&](int times) {
    for (int i = 0; i < times; ++i) {
      log->Audit({.action = "call", .result = absl::UnauthenticatedError("who?"), .details = {}});
    }
  };
  refuse(1000);
  const auto size = std::filesystem::file_size(path);
  refuse(50'000);
  EXPECT_LT(std::filesystem::file_size(path), 2 * size);
  std::this_thread::sleep_for(milliseconds(200));
  refuse(1);
  EXPECT_THAT(Contents(path), HasSubstr(" suppressed="));
}

TEST(RateLimitTest, LetsABurstThroughAndThenOneEachPeriod) {
  const auto start = RateLimit::Clock::now();
  RateLimit limit(2, std::chrono::seconds(10));
  EXPECT_EQ(limit.Pass(start), 0);
  EXPECT_EQ(limit.Pass(start), 0);
  EXPECT_EQ(limit.Pass(start), std::nullopt);
  EXPECT_EQ(limit.Pass(start + std::chrono::seconds(5)), std::nullopt);
  EXPECT_EQ(limit.Pass(start + std::chrono::seconds(11)), 2);
  EXPECT_EQ(limit.Pass(start + std::chrono::seconds(12)), std::nullopt);
  EXPECT_EQ(limit.Pass(start + std::chrono::hours(1000)), 1);
  EXPECT_EQ(limit.Pass(start + std::chrono::hours(1000)), 0);
  EXPECT_EQ(limit.Pass(start + std::chrono::hours(1000)), std::nullopt);
}

}  // namespace
}  // namespace graphfeed
