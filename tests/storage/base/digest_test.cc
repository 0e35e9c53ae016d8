#include "storage/base/digest.h"

#include <gtest/gtest.h>

namespace graphfeed {
namespace {

// Values of the xxHash specification: they must be the same on every machine.
TEST(DigestTest, MatchesTheReferenceValues) {
  EXPECT_EQ(Hash64("", 0), 0x2d06800538d394c2u);
  EXPECT_EQ(DigestHex(Digester().Finish()), "99aa06d3014798d86001c324468d497f");
}

TEST(DigestTest, HexHasTwoDigitsForEachByte) {
  EXPECT_EQ(DigestHex(Digest{0xab, 1}), "ab010000000000000000000000000000");
}

TEST(DigestTest, CutsDoNotMatter) {
  std::string bytes(10000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i);
  Digester whole;
  whole.Update(bytes);
  for (const size_t step : {1, 7, 240, 4096}) {
    Digester parts;
    for (size_t i = 0; i < bytes.size(); i += step) {
      parts.Update(absl::string_view(bytes).substr(i, step));
      parts.Update("");
    }
    EXPECT_EQ(parts.Finish(), whole.Finish()) << step;
  }
}

TEST(DigestTest, IntegersAreLittleEndian) {
  Digester number;
  number.UpdateInt64(0x0102030405060708);
  Digester bytes;
  bytes.Update("\x08\7\6\5\4\3\2\1");
  EXPECT_EQ(number.Finish(), bytes.Finish());
}

TEST(DigestTest, SeedsGiveDifferentHashes) { EXPECT_NE(Hash64("rows", 0), Hash64("rows", 1)); }

}  // namespace
}  // namespace graphfeed
