#include "storage/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace graphfeed {
namespace {

constexpr size_t kNone = absl::string_view::npos;

// The bits of a code point in a sequence of `length` bytes, whether or not UTF-8 allows it.
std::string Encode(uint32_t code_point, int length) {
  if (length == 1) return std::string(1, static_cast<char>(code_point));
  std::string bytes(static_cast<size_t>(length), '\0');
  for (int i = length - 1; i > 0; --i, code_point >>= 6) {
    bytes[static_cast<size_t>(i)] = static_cast<char>(0x80 | (code_point & 0x3f));
  }
  bytes[0] = static_cast<char>(((0xf00 >> length) & 0xff) | code_point);
  return bytes;
}

int ShortestLength(uint32_t code_point) {
  return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

TEST(Utf8Test, EveryCodePointHasItsShortestFormAndNoOther) {
  for (uint32_t c = 0; c < 0x200000; ++c) {
    const int shortest = ShortestLength(c);
    const bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
    for (int length = shortest; length <= 4; ++length) {
      const std::string text = "a" + Encode(c, length) + "z";
      ASSERT_EQ(FindInvalidUtf8(text), valid && length == shortest ? kNone : 1)
          << "code point " << c << " in " << length << " bytes";
    }
  }
}

TEST(Utf8Test, PiecesOfSequencesAreRefused) {
  for (const uint32_t c : {0xe9u, 0x20acu, 0x1f600u}) {
    const std::string whole = Encode(c, ShortestLength(c));
    for (size_t cut = 1; cut < whole.size(); ++cut) {
      EXPECT_EQ(FindInvalidUtf8(whole + whole.substr(0, cut)), whole.size());
      EXPECT_EQ(FindInvalidUtf8(whole.substr(0, cut) + "a"), 0);
      EXPECT_EQ(FindInvalidUtf8(whole.substr(cut)), 0);
    }
  }
  for (const char* text : {"\xf8\x88\x80\x80\x80", "\xfe", "\xff"}) {
    EXPECT_EQ(FindInvalidUtf8(text), 0);
  }
}

TEST(Utf8Test, NulIsACharacter) {
  EXPECT_EQ(FindInvalidUtf8(""), kNone);
  EXPECT_EQ(FindInvalidUtf8(absl::string_view("a\0b", 3)), kNone);
}

}  // namespace
}  // namespace graphfeed
