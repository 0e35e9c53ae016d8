#include "proto/wire/endpoint.h"

#include "gtest/gtest.h"

namespace graphfeed::wire {
namespace {

TEST(EndpointTest, HostAndPortAreTakenApart) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const Case& c : {Case{"localhost:50051", "localhost", 50051},
                        Case{"10.0.0.7:0", "10.0.0.7", 0}, Case{"[::1]:65535", "::1", 65535}}) {
    const auto parsed = ParseHostPort(c.text);
    ASSERT_TRUE(parsed.has_value()) << c.text;
    EXPECT_EQ(parsed->host, c.host);
    EXPECT_EQ(parsed->port, c.port);
  }
  for (const char* bad : {"", ":", ":1", "a", "a:", "a:x", "a:+1", "a: 1", "a:65536", "a:-1",
                          "::1:2", "[]:1", "[::1]", "[::1:2", "a]:1", "http://a:1"}) {
    EXPECT_FALSE(ParseHostPort(bad).has_value()) << bad;
  }
}

TEST(EndpointTest, AServerNamesItsPortAndASocketNone) {
  EXPECT_EQ(ListeningAddress("0.0.0.0:0", 1234), "0.0.0.0:1234");
  EXPECT_EQ(ListeningAddress("[::]:0", 1234), "[::]:1234");
  EXPECT_EQ(ListeningAddress("unix:/run/s", 1), "unix:/run/s");
  EXPECT_EQ(ListeningAddress("unix:s:0", 1), "unix:s:0");
  EXPECT_EQ(ListeningAddress("unix-abstract:s", 1), "unix-abstract:s");
  EXPECT_EQ(UnixSocket("unix:"), "");
  EXPECT_EQ(UnixSocket("a:1"), std::nullopt);
}

}  // namespace
}  // namespace graphfeed::wire
