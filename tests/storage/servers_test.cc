#include "storage/servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

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

TEST(ServersTest, WhatChangesIsNotUnchanged) {
  Unchanged values;
  const Unchanged::TimePoint start{};
  values.Observe({{"a", "1"}, {"b", "1"}}, start);
  values.Observe({{"a", "2"}, {"b", "1"}}, start + std::chrono::seconds(2));
  EXPECT_THAT(values.Since(start + std::chrono::seconds(3), absl::Seconds(3)), ElementsAre("b"));
  EXPECT_THAT(values.Since(start + std::chrono::seconds(5), absl::Seconds(3)),
              ElementsAre("a", "b"));
  values.Observe({}, start + std::chrono::seconds(6));
  EXPECT_THAT(values.Since(start + std::chrono::seconds(9), absl::Seconds(0)), IsEmpty());
}

TEST(ServersTest, WhatNobodyCouldSeeIsNoSilence) {
  Unchanged values(/*max_gap=*/absl::Seconds(5));
  const auto at = [](int seconds) {
    return Unchanged::TimePoint(std::chrono::hours(1)) + std::chrono::seconds(seconds);
  };
  const std::map<std::string, std::string> same = {{"a", "1"}};
  for (int second : {0, 4, 8}) values.Observe(same, at(second));
  EXPECT_THAT(values.Since(at(8), absl::Seconds(8)), ElementsAre("a"));
  values.Observe(same, at(30));
  EXPECT_THAT(values.Since(at(30), absl::Seconds(8)), IsEmpty());
  for (int second : {34, 38}) values.Observe(same, at(second));
  EXPECT_THAT(values.Since(at(38), absl::Seconds(8)), ElementsAre("a"));
}

}  // namespace
}  // namespace graphfeed
