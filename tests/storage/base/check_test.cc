#include "storage/base/check.h"

#include <gtest/gtest.h>

namespace graphfeed {
namespace {

TEST(CheckTest, HoldingChecksDoNothingAndEvaluateOnce) {
  int evaluated = 0;
  int streamed = 0;
  GF_CHECK(++evaluated == 1) << ++streamed;
  EXPECT_EQ(evaluated, 1);
  EXPECT_EQ(streamed, 0);
}

TEST(CheckTest, IsOneStatement) {
  const bool small = true;
  if (small)
    GF_CHECK(small);
  else
    GF_CHECK(!small) << "not reached";
}

TEST(CheckDeathTest, AbortsInEveryBuildWithFileLineConditionAndText) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const int rows = 3;
  EXPECT_DEATH(GF_CHECK(rows < 3) << "rows is " << rows,
               "check_test\\.cc:[0-9]+: check failed: rows < 3 rows is 3");
}

#ifdef NDEBUG
TEST(CheckTest, DebugChecksAreNotEvaluatedInRelease) {
  int evaluated = 0;
  GF_DCHECK(++evaluated == 7) << ++evaluated;
  EXPECT_EQ(evaluated, 0);
}
#else
TEST(CheckDeathTest, DebugChecksAbortInDebugBuilds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(GF_DCHECK(1 + 1 == 3) << "sum", "check failed: 1 \\+ 1 == 3 sum");
}
#endif

}  // namespace
}  // namespace graphfeed
