#include "server/serving/retention.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

VersionAge Version(const std::string& name, int64_t version, std::optional<absl::Duration> age) {
  VersionAge result;
  result.name = name;
  result.version = version;
  if (age.has_value()) result.published = kNow - *age;
  return result;
}

// a@1 to a@4, four to one days old, and b@7, which is older.
std::vector<VersionAge> TwoDatasets() {
  std::vector<VersionAge> versions;
  for (int64_t i = 1; i <= 4; ++i) versions.push_back(Version("a", i, absl::Hours(24 * (5 - i))));
  versions.push_back(Version("b", 7, absl::Hours(24 * 100)));
  return versions;
}

std::vector<std::string> Removed(const RetentionOptions& options,
                                 const std::vector<VersionAge>& versions = TwoDatasets()) {
  std::vector<std::string> titles;
  for (const VersionAge& version : VersionsToRemove(versions, options, kNow)) {
    titles.push_back(absl::StrCat(version.name, "@", version.version));
  }
  return titles;
}

TEST(RetentionTest, WithoutARuleEverythingStays) { EXPECT_THAT(Removed({}), IsEmpty()); }

TEST(RetentionTest, TheNewestVersionsOfEachDatasetStay) {
  EXPECT_THAT(Removed({.keep_versions = 1}), ElementsAre("a@1", "a@2", "a@3"));
  EXPECT_THAT(Removed({.keep_versions = 3}), ElementsAre("a@1"));
  EXPECT_THAT(Removed({.keep_versions = 4}), IsEmpty());
}

TEST(RetentionTest, YoungVersionsStayAndSoDoesTheNewestHoweverOld) {
  EXPECT_THAT(Removed({.keep_for = absl::Hours(60)}), ElementsAre("a@1", "a@2"));
  EXPECT_THAT(Removed({.keep_for = absl::Seconds(1)}), ElementsAre("a@1", "a@2", "a@3"));
}

TEST(RetentionTest, WhatEitherRuleKeepsStays) {
  EXPECT_THAT(Removed({.keep_versions = 2, .keep_for = absl::Hours(80)}), ElementsAre("a@1"));
  EXPECT_THAT(Removed({.keep_versions = 3, .keep_for = absl::Hours(1)}), ElementsAre("a@1"));
}

TEST(RetentionTest, WhatIsPinnedStays) {
  EXPECT_THAT(Removed({.keep_versions = 1, .pins = {"a@2"}}), ElementsAre("a@1", "a@3"));
  EXPECT_THAT(Removed({.keep_versions = 1, .pins = {"a"}}), IsEmpty());
  EXPECT_THAT(Removed({.keep_versions = 1, .pins = {"b", "a@4"}}),
              ElementsAre("a@1", "a@2", "a@3"));
}

TEST(RetentionTest, AgesThatAreNotKnownAreYoung) {
  const std::vector<VersionAge> versions = {Version("a", 1, std::nullopt),
                                            Version("a", 2, absl::Hours(100)),
                                            Version("a", 3, absl::Hours(99))};
  EXPECT_THAT(Removed({.keep_for = absl::Hours(1)}, versions), ElementsAre("a@2"));
  EXPECT_THAT(Removed({.keep_versions = 1}, versions), ElementsAre("a@1", "a@2"));
}

TEST(RetentionTest, PinsAreNamesWithOrWithoutAVersion) {
  EXPECT_THAT(*ParsePins("a,b@3"), ElementsAre("a", "b@3"));
  EXPECT_THAT(*ParsePins(""), IsEmpty());
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePins("a,b@x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParsePins("a/b").status()));
}

TEST(ClockGuardTest, AClockThatIsSetIsNotTrustedForAWhile) {
  ClockGuard guard;
  absl::Time now = kNow;
  ClockGuard::TimePoint steady{};
  const auto pass = [&](absl::Duration wall, absl::Duration really) {
    now += wall;
    steady += absl::ToChronoNanoseconds(really);
    return guard.Observe(now, steady);
  };
  EXPECT_EQ(pass(absl::ZeroDuration(), absl::ZeroDuration()), std::nullopt);
  EXPECT_EQ(pass(absl::Hours(9), absl::Hours(9)), std::nullopt);  // the process was stopped
  EXPECT_EQ(pass(absl::Minutes(4), absl::Seconds(1)), std::nullopt);
  EXPECT_FALSE(guard.Distrusted(steady));
  EXPECT_EQ(pass(absl::Hours(24), absl::ZeroDuration()), absl::Hours(24));
  EXPECT_TRUE(guard.Distrusted(steady));
  EXPECT_EQ(pass(absl::Minutes(59), absl::Minutes(59)), std::nullopt);
  EXPECT_TRUE(guard.Distrusted(steady));
  EXPECT_EQ(pass(absl::Minutes(2), absl::Minutes(2)), std::nullopt);
  EXPECT_FALSE(guard.Distrusted(steady));
  EXPECT_EQ(pass(-absl::Hours(2), absl::ZeroDuration()), -absl::Hours(2));
  EXPECT_TRUE(guard.Distrusted(steady));
}

}  // namespace
}  // namespace graphfeed
