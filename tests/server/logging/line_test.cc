#include "server/logging/line.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace graphfeed {
namespace {

const absl::Time kTime = absl::FromUnixMillis(1767323045678);  // 2026-01-02T03:04:05.678Z

std::string Text(const std::vector<LogField>& fields) {
  return RenderLine(LogFormat::kText, kTime, LogLevel::kInfo, "call.end", fields);
}

nlohmann::json Json(const std::vector<LogField>& fields) {
  const std::string line = RenderLine(LogFormat::kJson, kTime, LogLevel::kWarn, "call.end", fields);
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  return nlohmann::json::parse(line);
}

TEST(LineTest, TextHasTimeLevelEventAndFieldsInTheirOrder) {
  EXPECT_EQ(Text({{"method", "Ingest"}, {"ms", 12.5}, {"frames", int64_t{3}}, {"ok", true}}),
            "2026-01-02T03:04:05.678Z info  call.end method=Ingest ms=12.5 frames=3 ok=true\n");
}

TEST(LineTest, JsonHasThemByName) {
  const nlohmann::json line = Json({{"method", "Ingest"}, {"ms", 12.5}, {"frames", int64_t{-3}}});
  EXPECT_EQ(line, nlohmann::json::parse(R"({"time": "2026-01-02T03:04:05.678Z", "level": "warn",
                                            "event": "call.end", "method": "Ingest",
                                            "ms": 12.5, "frames": -3})"));
}

TEST(LineTest, WhatIsNoPlainWordIsQuoted) {
  EXPECT_EQ(Text({{"a", "two words"}, {"b", "k=v"}, {"c", "say \"x\""}, {"d", "back\\slash"}}),
            "2026-01-02T03:04:05.678Z info  call.end a=\"two words\" b=\"k=v\" "
            "c=\"say \\\"x\\\"\" d=\"back\\\\slash\"\n");
}

TEST(LineTest, NoTextEndsALineOrReachesATerminal) {
  const std::string line = Text({{"a", "x\ny\r\x1b[31m"}, {"b", "\x7f"}, {"c", "\xc2\x9b"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (const char control : {'\r', '\x1b', '\x7f', '\x9b'}) {
    EXPECT_EQ(line.find(control), std::string::npos) << static_cast<int>(control);
  }
  EXPECT_EQ(Json({{"a", "x\ny"}})["a"], "x\ny");
  // What turns lines around, and what JSON lets through, is escaped in both formats.
  const std::string hostile =
      "a\x7f"
      "b\xc2\x9b"
      "c\xe2\x80\xae"
      "d\xe2\x80\xa8"
      "e\xe2\x81\xa6"
      "f\xd8\x9c";
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const std::string rendered =
        RenderLine(format, absl::UnixEpoch(), LogLevel::kInfo, "e", {{"a", hostile}});
    for (const char c : rendered) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < '\x7f')) << rendered;
  }
  EXPECT_EQ(Json({{"a", hostile}})["a"], hostile);
}

TEST(LineTest, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_EQ(Json({{"a", "x\xff\xc3y"}})["a"], "x\xef\xbf\xbd\xef\xbf\xbdy");
  EXPECT_NE(Text({{"a", "x\xff"}}).find("\xef\xbf\xbd"), std::string::npos);
  EXPECT_EQ(Json({{"a", "m\xc3\xbcsli"}})["a"], "m\xc3\xbcsli");
}

TEST(LineTest, TextsThatAreEmptyAreLeftOutAndLongOnesCut) {
  EXPECT_EQ(Text({{"a", ""}}), "2026-01-02T03:04:05.678Z info  call.end\n");
  const std::string text = Json({{"a", std::string(100000, 'x')}})["a"];
  EXPECT_EQ(text, std::string(2000, 'x') + " ...");
  EXPECT_LT(Text({{"a", std::string(100000, 'x')}}).size(), 2100u);
}

TEST(LineTest, NumbersThatJsonLacksAreNull) {
  EXPECT_TRUE(Json({{"a", std::nan("")}})["a"].is_null());
  EXPECT_TRUE(Json({{"a", HUGE_VAL}})["a"].is_null());
}

TEST(LineTest, LevelsGoByTheirNames) {
  for (const char* name : {"trace", "debug", "info", "warn", "error", "off"}) {
    EXPECT_EQ(NameOf(LogLevelOf(name)), name);
  }
}

}  // namespace
}  // namespace graphfeed
