#include "client/worker/popef_executor.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

TEST(PopefAbsentTest, SaysThatThereIsNoSdk) {
  const auto executor = NewPopefExecutor({});
  EXPECT_EQ(executor.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorClassOf(executor.status()), "absent");
  EXPECT_EQ(ActionOf(executor.status()), ErrorAction::kExit);
  EXPECT_NE(executor.status().message().find("built without the Poplar SDK"), std::string::npos);
}

}  // namespace
}  // namespace graphfeed
