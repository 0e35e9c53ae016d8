#include "proto/frame/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

namespace graphfeed {
namespace {

TEST(RunningDigestTest, IsTheDigestWhereverTheBytesAreCut) {
  std::mt19937 random(1);
  for (int64_t size : {0, 1, 16, 128, 240, 241, 256, 1024, 1025, 100'000, 1'000'000}) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    RunningDigest digest(bytes.data());
    int64_t end = 0;
    while (end < size) {
      end = std::min<int64_t>(size, end + static_cast<int64_t>(random() % 70'000));
      digest.Advance(bytes.data() + end);
      digest.Advance(bytes.data() + end);
      ASSERT_EQ(digest.Finish(), FrameDigest(bytes.data(), end)) << end;
    }
    EXPECT_EQ(digest.Finish(), FrameDigest(bytes.data(), size));
  }
}

TEST(RunningDigestDeathTest, DoesNotGoBack) {
  std::vector<std::byte> bytes(100);
  RunningDigest digest(bytes.data());
  digest.Advance(bytes.data() + 50);
  EXPECT_DEATH(digest.Advance(bytes.data() + 49), "end >= hashed_");
}

}  // namespace
}  // namespace graphfeed
