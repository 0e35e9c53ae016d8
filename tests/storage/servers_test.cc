#include "storage/servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ServersTest, RecordsAreReadAsTheyWereWritten) {
  const ServerRecord server = {.beat = 7, .writes = {{1, 257}, {513, 769}}, .reads = {3, 4}};
  EXPECT_EQ(EncodeServer(server), "beat 7\nwrites 1 257\nwrites 513 769\nreads 3\nreads 4\n");
  EXPECT_EQ(*DecodeServer(EncodeServer(server)), server);
  EXPECT_TRUE(server.Uses(256));
  EXPECT_FALSE(server.Uses(257));
  EXPECT_TRUE(server.Uses(3));
  for (const char* bad : {"beat\n", "beat x\n", "writes 1\n", "reads 1 2\n", "sleeps 3\n"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeServer(bad).status())) << bad;
  }
}

TEST(ServersTest, RangesAreJoined) {
  EXPECT_THAT(Joined({{5, 6}, {1, 2}, {2, 4}, {6, 9}}),
              ElementsAre(ColumnRange{1, 4}, ColumnRange{5, 9}));
}

Unchanged::TimePoint At(int seconds) {
  return Unchanged::TimePoint(std::chrono::hours(1)) + std::chrono::seconds(seconds);
}

TEST(ServersTest, WhatChangesIsNotUnchanged) {
  Unchanged values;
  values.Observe({{"a", "1"}, {"b", "1"}}, At(0));
  values.Observe({{"a", "2"}, {"b", "1"}}, At(3));
  EXPECT_THAT(values.For(absl::Seconds(3)), ElementsAre("b"));
  values.Observe({{"a", "2"}, {"b", "1"}}, At(6));
  EXPECT_THAT(values.For(absl::Seconds(3)), ElementsAre("a", "b"));
  EXPECT_THAT(values.For(absl::Seconds(4)), ElementsAre("b"));
  values.Observe({}, At(9));
  EXPECT_THAT(values.For(absl::Seconds(0)), IsEmpty());
}

TEST(ServersTest, WhatNobodyCouldSeeCountsLittle) {
  Unchanged values(/*max_gap=*/absl::Seconds(2));
  const RecordMap same = {{"a", "1"}};
  for (int second : {0, 1, 2}) values.Observe(same, At(second));
  EXPECT_THAT(values.For(absl::Seconds(2)), ElementsAre("a"));
  values.Observe(same, At(100));
  EXPECT_THAT(values.For(absl::Seconds(4)), ElementsAre("a"));
  EXPECT_THAT(values.For(absl::Seconds(5)), IsEmpty());
}

TEST(ServersTest, SilenceIsFoundHoweverLongLooksTake) {
  Unchanged values(/*max_gap=*/absl::Seconds(2));
  for (int look = 0; look <= 5; ++look) values.Observe({{"a", "1"}}, At(60 * look));
  EXPECT_THAT(values.For(absl::Seconds(10)), ElementsAre("a"));
}

TEST(ServersTest, AColumnIsKnownToBeSetAsideWhenAllHaveChangedTheirRecordsSince) {
  const std::map<uint64_t, absl::Time> columns = {{3, absl::FromUnixSeconds(100)}};
  KnownAside aside;
  aside.Observe(columns, {{"format", "2"}, {"server/a", "1"}, {"server/b", "1"}}, At(0));
  const auto known = [&](const RecordMap& servers, int seconds) {
    return aside.IsKnown(3, At(seconds), absl::Seconds(20), servers);
  };
  aside.Observe(columns, {{"server/a", "2"}, {"server/b", "1"}}, At(90));
  EXPECT_FALSE(known({{"server/a", "2"}, {"server/b", "1"}}, 90)) << "b has not";
  EXPECT_TRUE(known({{"server/a", "2"}, {"server/b", "2"}}, 90));
  EXPECT_TRUE(known({{"server/a", "2"}}, 90)) << "b is gone";
  EXPECT_TRUE(known({{"server/a", "2"}, {"server/c", "1"}}, 90)) << "c began later";
  EXPECT_FALSE(known({{"server/a", "2"}}, 19)) << "not for long enough";
  EXPECT_FALSE(aside.IsKnown(4, At(90), absl::ZeroDuration(), {})) << "never seen set aside";
  // Published and set aside again between two looks.
  aside.Observe({{3, absl::FromUnixSeconds(101)}}, {{"server/a", "3"}}, At(91));
  EXPECT_FALSE(known({{"server/a", "4"}}, 100));
  EXPECT_FALSE(known({{"server/a", "3"}}, 120));
  EXPECT_TRUE(known({{"server/a", "4"}}, 120));
  aside.Observe({}, {}, At(121));
  EXPECT_FALSE(known({{"server/a", "4"}}, 200));
}

}  // namespace
}  // namespace graphfeed
