#include "storage/chunks/format.h"

#include <gtest/gtest.h>

namespace graphfeed {
namespace {

TEST(ChunkFormatTest, RowsPerChunkIsTheLargestPowerOfTwoThatFits) {
  EXPECT_EQ(RowsPerChunk(8, 16 << 10), 2048);
  EXPECT_EQ(RowsPerChunk(44, 16 << 10), 256);  // 372 would fit
  EXPECT_EQ(RowsPerChunk(16 << 10, 16 << 10), 1);
  EXPECT_EQ(RowsPerChunk((16 << 10) + 1, 16 << 10), 1);
  EXPECT_EQ(RowsPerChunk(8 << 10, 16 << 10), 2);
  EXPECT_EQ(RowsPerChunk(1, 1), 1);
  EXPECT_EQ(RowsPerChunk(0, 16 << 10), 1);
}

TEST(ChunkFormatTest, TheLastChunkHoldsTheRest) {
  const ColumnStorage column{.uid = 1, .num_rows = 10, .row_bytes = 4, .rows_per_chunk = 4};
  EXPECT_EQ(column.num_chunks(), 3);
  EXPECT_EQ(column.rows_in_chunk(0), 4);
  EXPECT_EQ(column.rows_in_chunk(2), 2);
}

TEST(ChunkFormatTest, RowsWithoutBytesNeedNoChunks) {
  EXPECT_EQ((ColumnStorage{.uid = 1, .num_rows = 10}.num_chunks()), 0);
}

std::string Sealed(ChunkKey key) {
  std::string value = std::string(kChunkHeaderBytes, '\0') + "eight by" + "tes each";
  SealChunk(key, 2, value);
  return value;
}

TEST(ChunkFormatTest, OpensWhatWasSealed) {
  const std::string sealed = Sealed({7, 3});
  const auto rows = OpenChunk({7, 3}, 2, 8, sealed);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, "eight bytes each");
}

TEST(ChunkFormatTest, OneOrTwoWideRowsAreAChunkOfLookups) {
  EXPECT_EQ(ChunkBytesOfLookups(8, 16 << 10), 16 << 10);
  EXPECT_EQ(ChunkBytesOfLookups(255, 16 << 10), 16 << 10);
  EXPECT_EQ(RowsPerChunk(256, ChunkBytesOfLookups(256, 16 << 10)), 2);
  EXPECT_EQ(RowsPerChunk(512, ChunkBytesOfLookups(512, 16 << 10)), 1);
  EXPECT_EQ(RowsPerChunk(5000, ChunkBytesOfLookups(5000, 16 << 10)), 1);
  EXPECT_EQ(ChunkBytesOfLookups(300, 64), 64);
}

TEST(ChunkFormatTest, HeaderIsAsDocumented) {
  const std::string value = Sealed({0x0102030405060708, 0x0a0b0c0d});
  EXPECT_EQ(value.substr(0, 24),
            std::string("GFC1\2\0\0\0\x08\7\6\5\4\3\2\1\x0d\x0c\x0b\x0a\0\0\0\0", 24));
}

TEST(ChunkFormatTest, AnyChangedBitIsFound) {
  const std::string sealed = Sealed({7, 3});
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string value = sealed;
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 2, 8, value).status())) << "bit " << bit;
  }
}

TEST(ChunkFormatTest, AnyOtherLengthIsFound) {
  const std::string sealed = Sealed({7, 3});
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 2, 8, sealed.substr(0, size)).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 2, 8, sealed + "x").status()));
}

TEST(ChunkFormatTest, AWholeChunkInTheWrongPlaceIsFound) {
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 2, 8, Sealed({7, 4})).status()));
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 2, 8, Sealed({8, 3})).status()));
  EXPECT_TRUE(absl::IsDataLoss(OpenChunk({7, 3}, 4, 4, Sealed({7, 3})).status()));
}

}  // namespace
}  // namespace graphfeed
