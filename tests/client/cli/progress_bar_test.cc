#include "client/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace graphfeed {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ProgressBarTest : public testing::Test {
 protected:
  ProgressBar::Clock clock() {
    return [this] { return now_; };
  }
  std::chrono::steady_clock::time_point now_{};
  std::ostringstream out_;
};

TEST_F(ProgressBarTest, ADisabledBarWritesNothing) {
  {
    ProgressBar bar(out_, false, clock());
    bar.Update("importing", "graphs", 5, 10);
  }
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgressBarTest, ShowsShareAndCounts) {
  ProgressBar bar(out_, true, clock());
  bar.Update("importing", "graphs", 65419, 130839);
  EXPECT_EQ(out_.str(),
            "\rimporting  [==============>               ]  49 %  65,419/130,839 graphs");
}

TEST_F(ProgressBarTest, EstimatesTheTimeThatIsLeft) {
  ProgressBar bar(out_, true, clock());
  const auto drawn = [&](absl::string_view doing, int64_t done, int64_t total) {
    out_.str("");
    bar.Update(doing, "graphs", done, total);
    return out_.str();
  };
  EXPECT_THAT(drawn("a", 100, 1000), testing::EndsWith("100/1,000 graphs"));
  now_ += milliseconds(2000);
  EXPECT_THAT(drawn("a", 300, 1000), testing::EndsWith("300/1,000 graphs  7 s left"));
  now_ += milliseconds(100'000);
  EXPECT_THAT(drawn("a", 304, 1000), HasSubstr("  5:48 min left"));
  EXPECT_THAT(drawn("a", 1000, 1000), testing::Not(HasSubstr("left")));
  EXPECT_THAT(drawn("b", 0, 1000), testing::Not(HasSubstr("left"))) << "another work";
  now_ += milliseconds(10'000);
  EXPECT_THAT(drawn("b", 1, 1000), HasSubstr("  2:46 h left"));
  EXPECT_THAT(drawn("b", 2, 0), testing::Not(HasSubstr("left"))) << "of an unknown number";
}

TEST_F(ProgressBarTest, IsRedrawnAtMostTenTimesASecondButAtTheEndAndForANewTask) {
  ProgressBar bar(out_, true, clock());
  const auto drawn = [&](absl::string_view doing, int64_t done) {
    out_.str("");
    bar.Update(doing, "graphs", done, 10);
    return !out_.str().empty();
  };
  EXPECT_TRUE(drawn("a", 1));
  EXPECT_FALSE(drawn("a", 2));
  now_ += milliseconds(99);
  EXPECT_FALSE(drawn("a", 3));
  now_ += milliseconds(1);
  EXPECT_TRUE(drawn("a", 4));
  EXPECT_TRUE(drawn("a", 10));
  EXPECT_TRUE(drawn("b", 1));
}

TEST_F(ProgressBarTest, AnUnknownTotalShowsTheCountAlone) {
  ProgressBar bar(out_, true, clock());
  bar.Update("reading", "bytes", 2500000, 0);
  EXPECT_EQ(out_.str(), "\rreading  2.5 MB");
}

TEST_F(ProgressBarTest, LeavesAnEmptyLine) {
  { ProgressBar(out_, true, clock()).Update("reading", "bytes", 1, 0); }
  EXPECT_THAT(out_.str(), HasSubstr("\r            \r"));
}

}  // namespace
}  // namespace graphfeed
