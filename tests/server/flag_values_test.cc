#include "server/flag_values.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

TEST(ParseBytesTest, UnitsArePowersOf1024) {
  EXPECT_EQ(*ParseBytes("0"), 0);
  EXPECT_EQ(*ParseBytes("1536"), 1536);
  EXPECT_EQ(*ParseBytes("2k"), 2048);
  EXPECT_EQ(*ParseBytes("512M"), int64_t{512} << 20);
  EXPECT_EQ(*ParseBytes("4G"), int64_t{4} << 30);
  EXPECT_EQ(*ParseBytes("1T"), int64_t{1} << 40);
  EXPECT_EQ(*ParseBytes("9223372036854775807"), std::numeric_limits<int64_t>::max());
}

TEST(ParseBytesTest, TakesWhatKubernetesWrites) {
  EXPECT_EQ(*ParseBytes("1Ki"), 1024);
  EXPECT_EQ(*ParseBytes("512Mi"), int64_t{512} << 20);
  EXPECT_EQ(*ParseBytes("1Gi"), int64_t{1} << 30);
  EXPECT_EQ(*ParseBytes("2Pi"), int64_t{2} << 50);
  EXPECT_EQ(*ParseBytes("1.5Gi"), int64_t{3} << 29);
  EXPECT_EQ(*ParseBytes("0.1Ki"), 102);
  EXPECT_EQ(*ParseBytes("1e9"), 1000000000);
  EXPECT_EQ(*ParseBytes("1.5E3"), 1500);
  EXPECT_EQ(*ParseBytes("129e6"), 129000000);
}

TEST(ParseBytesTest, RefusesWhatIsNoNumberOfBytes) {
  for (const char* bad : {"",
                          "M",
                          "-1",
                          "+1",
                          "1.5",
                          "1GB",
                          "0x10",
                          "1G ",
                          " 1G",
                          "1.G",
                          ".5G",
                          "1e",
                          "1e-3",
                          "1e1.5",
                          "1e9G",
                          "1.55e1",
                          "0.0001K",
                          "1Gii",
                          "1i",
                          "8193P",
                          "1e19",
                          "1e99",
                          "1e999999999999",
                          "nan",
                          "9999999999T",
                          "9223372036854775808",
                          "0.00000000000000000000001G",
                          "100000000000000000000000000000000000000000000000",
                          "512m1"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

TEST(FormatBytesTest, IsReadBack) {
  EXPECT_EQ(FormatBytes(0), "0");
  EXPECT_EQ(FormatBytes(1000), "1000");
  EXPECT_EQ(FormatBytes(1536 << 10), "1536K");
  EXPECT_EQ(FormatBytes(int64_t{1} << 40), "1T");
  for (const int64_t bytes : {int64_t{1}, int64_t{5} << 51, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(*ParseBytes(FormatBytes(bytes)), bytes);
  }
}

TEST(CheckAddressTest, AHostHasAPort) {
  for (const char* good : {"localhost:0", "0.0.0.0:50051", "[::]:50051", "[fe80::1%eth0]:65535",
                           "a.b-c:1", "dns:///a:1", "ipv4:1.2.3.4:5", "ipv6:[::1]:5"}) {
    EXPECT_TRUE(CheckAddress(good, false).ok()) << good;
  }
  for (const char* bad :
       {"localhost", "50051", ":50051", "a:", "a:b", "a:-1", "a:65536", "a: 1", "a:+1", "::1",
        "::1:50051", "[]:1", "[::1]", "dns:50051", "", ":", "unix:/run/s"}) {
    EXPECT_FALSE(CheckAddress(bad, false).ok()) << bad;
  }
}

TEST(CheckAddressTest, UnixSocketsHaveAName) {
  for (const char* good : {"unix:/run/s", "unix:s", "unix:///run/s", "unix-abstract:s", "a:1"}) {
    EXPECT_TRUE(CheckAddress(good, true).ok()) << good;
  }
  for (const char* bad : {"unix:", "unix-abstract:", "unix", "/run/s"}) {
    EXPECT_FALSE(CheckAddress(bad, true).ok()) << bad;
  }
}

}  // namespace
}  // namespace graphfeed
