#include "server/serving/snapshots.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SnapshotRotationTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/rotation_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  void Make(const std::string& name) { fs::create_directories(fs::path(dir_) / name / "below"); }
  std::vector<std::string> There() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string dir_;
};

TEST_F(SnapshotRotationTest, NamesAreTimesAndTheWayBack) {
  const absl::Time time = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(ScheduledSnapshotName(time), "auto-20231114T221320Z");
  EXPECT_EQ(TimeOfScheduledSnapshot("auto-20231114T221320Z"), time);
  for (const char* other : {"", "auto-", "monday", "auto-20231114T221320", "auto-20231114T221360Z",
                            "auto-20231114T221320Z.tmp", "Auto-20231114T221320Z"}) {
    EXPECT_EQ(TimeOfScheduledSnapshot(other), std::nullopt) << other;
  }
}

TEST_F(SnapshotRotationTest, TheNewestStayAndNothingElseIsTouched) {
  for (const char* name :
       {"auto-20230101T000000Z", "auto-20230103T000000Z", "auto-20230102T000000Z", "monday",
        "auto-yesterday", "auto-20230104T000000Z.tmp", "auto-20220101T000000Z.removed",
        "tuesday.tmp"}) {
    Make(name);
  }
  fs::create_directory_symlink(fs::path(dir_) / "monday", fs::path(dir_) / "auto-20210101T000000Z");
  const std::string last = "auto-20230103T000000Z";
  std::vector<std::string> removed;
  ASSERT_TRUE(RotateSnapshots(dir_, last, 2, removed).ok());
  EXPECT_THAT(removed, ElementsAre("auto-20230101T000000Z"));
  EXPECT_THAT(There(),
              ElementsAre("auto-20210101T000000Z", "auto-20230102T000000Z", "auto-20230103T000000Z",
                          "auto-yesterday", "monday", "tuesday.tmp"));
  EXPECT_TRUE(fs::exists(fs::path(dir_) / "monday" / "below"));
  EXPECT_THAT(ScheduledSnapshots(dir_),
              ElementsAre("auto-20230102T000000Z", "auto-20230103T000000Z"));
  removed.clear();
  ASSERT_TRUE(RotateSnapshots(dir_, last, 2, removed).ok());
  EXPECT_THAT(removed, IsEmpty());
}

TEST_F(SnapshotRotationTest, ThoseOfAClockThatWasAheadTakeNobodysPlace) {
  for (const char* name : {"auto-20230101T000000Z", "auto-20230102T000000Z",
                           "auto-20230103T000000Z", "auto-20990101T000000Z"}) {
    Make(name);
  }
  std::vector<std::string> removed;
  ASSERT_TRUE(RotateSnapshots(dir_, "auto-20230103T000000Z", 1, removed).ok());
  EXPECT_THAT(removed, ElementsAre("auto-20230101T000000Z", "auto-20230102T000000Z"));
  EXPECT_THAT(ScheduledSnapshots(dir_),
              ElementsAre("auto-20230103T000000Z", "auto-20990101T000000Z"));
}

TEST_F(SnapshotRotationTest, WhereThereIsNoFolderThereIsNothing) {
  std::vector<std::string> removed;
  EXPECT_TRUE(RotateSnapshots(dir_ + "/none", "auto-20230103T000000Z", 1, removed).ok());
  EXPECT_THAT(ScheduledSnapshots(dir_ + "/none"), IsEmpty());
}

}  // namespace
}  // namespace graphfeed
