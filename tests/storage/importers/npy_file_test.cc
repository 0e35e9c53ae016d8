#include "storage/importers/npy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<std::string> Rows(NpyFile& file, bool along_last, int64_t first, int64_t count) {
  std::string rows;
  if (absl::Status status = file.ReadRows(along_last, first, count, rows); !status.ok()) {
    return status;
  }
  return rows;
}

std::unique_ptr<NpyFile> MustOpen(const TempFolder& folder, const std::string& content) {
  folder.Write("a.npy", content);
  auto file = NpyFile::Open(folder.File("a.npy"));
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? std::move(*file) : nullptr;
}

TEST(NpyFileTest, EveryKeptTypeIsReadUnderItsName) {
  const std::vector<std::pair<std::string, DType>> types = {
      {"|b1", DType::kBool},    {"|u1", DType::kUint8},   {"|i1", DType::kInt8},
      {"<i2", DType::kInt16},   {"<i4", DType::kInt32},   {"<i8", DType::kInt64},
      {"<f2", DType::kFloat16}, {"<f4", DType::kFloat32}, {"<f8", DType::kFloat64},
      {"=i4", DType::kInt32},   {">i1", DType::kInt8}};
  TempFolder folder;
  for (const auto& [descr, dtype] : types) {
    const auto file = MustOpen(
        folder, NpyWithHeader(NpyHeaderText(descr, false, {3}), std::string(3 * SizeOf(dtype), 1)));
    ASSERT_NE(file, nullptr) << descr;
    EXPECT_EQ(file->header().dtype, dtype) << descr;
    EXPECT_EQ(file->RowBytes(false), static_cast<int64_t>(SizeOf(dtype)));
  }
}

TEST(NpyFileTest, AllFormatVersionsAreRead) {
  TempFolder folder;
  for (const int version : {1, 2, 3}) {
    const auto file = MustOpen(
        folder, NpyWithHeader(NpyHeaderText("<i4", false, {2}), Bytes<int32_t>({5, 6}), version));
    ASSERT_NE(file, nullptr);
    EXPECT_THAT(Values<int32_t>(*Rows(*file, false, 0, 2)), ElementsAre(5, 6)) << version;
  }
}

TEST(NpyFileTest, OtherWaysToWriteTheHeaderAreUnderstood) {
  for (const std::string text :
       {"{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<i4\"}",
        "{ 'descr' : '<i4' , 'fortran_order' : False , 'shape' : ( 2 , ) }"}) {
    const auto header = ParseNpyHeader(NpyWithHeader(text, ""));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_THAT(header->shape, ElementsAre(2));
  }
}

TEST(NpyFileTest, RowsAreSlicesOfEitherAxisInEitherOrder) {
  // The array [[1, 2, 3], [4, 5, 6]].
  TempFolder folder;
  for (const bool fortran : {false, true}) {
    const std::vector<int16_t> data =
        fortran ? std::vector<int16_t>{1, 4, 2, 5, 3, 6} : std::vector<int16_t>{1, 2, 3, 4, 5, 6};
    const auto file = MustOpen(folder, Npy("<i2", {2, 3}, data, fortran));
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->NumRows(false), 2);
    EXPECT_EQ(file->NumRows(true), 3);
    EXPECT_THAT(file->RowShape(false), ElementsAre(3));
    EXPECT_THAT(file->RowShape(true), ElementsAre(2));
    EXPECT_THAT(Values<int16_t>(*Rows(*file, false, 0, 2)), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(Values<int16_t>(*Rows(*file, false, 1, 1)), ElementsAre(4, 5, 6));
    EXPECT_THAT(Values<int16_t>(*Rows(*file, true, 0, 3)), ElementsAre(1, 4, 2, 5, 3, 6));
    EXPECT_THAT(Values<int16_t>(*Rows(*file, true, 1, 2)), ElementsAre(2, 5, 3, 6));
  }
}

TEST(NpyFileTest, ThreeAxesAreSlicedAlongFirstAndLast) {
  std::vector<int32_t> data(2 * 3 * 4);
  std::iota(data.begin(), data.end(), 0);
  TempFolder folder;
  const auto file = MustOpen(folder, Npy("<i4", {2, 3, 4}, data));
  EXPECT_THAT(file->RowShape(true), ElementsAre(2, 3));
  EXPECT_THAT(Values<int32_t>(*Rows(*file, true, 1, 1)), ElementsAre(1, 5, 9, 13, 17, 21));
  EXPECT_THAT(file->RowShape(false), ElementsAre(3, 4));
  EXPECT_EQ(Values<int32_t>(*Rows(*file, false, 1, 1))[0], 12);
}

TEST(NpyFileTest, ScalarsAndEmptyArraysHaveRows) {
  TempFolder folder;
  const auto scalar = MustOpen(folder, Npy<float>("<f4", {}, {2.5F}));
  EXPECT_EQ(scalar->NumRows(false), 1);
  EXPECT_THAT(scalar->RowShape(false), IsEmpty());
  EXPECT_THAT(Values<float>(*Rows(*scalar, false, 0, 1)), ElementsAre(2.5F));
  const auto empty = MustOpen(folder, Npy<float>("<f4", {0, 7}, {}));
  EXPECT_EQ(empty->NumRows(false), 0);
  EXPECT_EQ(*Rows(*empty, false, 0, 0), "");
}

TEST(NpyFileTest, FilesThatAreNotAsLongAsPromisedAreDataLoss) {
  TempFolder folder;
  const std::string whole = Npy<int32_t>("<i4", {3}, {1, 2, 3});
  for (const std::string& content : {whole.substr(0, whole.size() - 1), whole + "x"}) {
    folder.Write("a.npy", content);
    const auto file = NpyFile::Open(folder.File("a.npy"));
    EXPECT_EQ(file.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(file.status().message(), HasSubstr("a.npy: its header promises 12 bytes"));
  }
}

TEST(NpyFileTest, EveryTruncatedHeaderIsRefused) {
  const std::string whole = NpyWithHeader(NpyHeaderText("<i4", false, {3}), "");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpyHeader(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(ParseNpyHeader(whole).ok());
}

struct BadHeader {
  std::string header;
  std::string error;
};

class NpyErrorTest : public testing::TestWithParam<BadHeader> {};

TEST_P(NpyErrorTest, IsRefusedWithItsReason) {
  TempFolder folder;
  folder.Write("a.npy", NpyWithHeader(GetParam().header, ""));
  const auto file = NpyFile::Open(folder.File("a.npy"));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  EXPECT_THAT(file.status().message(), HasSubstr("a.npy: "));
  EXPECT_THAT(file.status().message(), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    All, NpyErrorTest,
    testing::Values(
        BadHeader{NpyHeaderText(">f4", false, {3}), "big-endian"},
        BadHeader{NpyHeaderText("<u4", false, {3}), "only uint8"},
        BadHeader{NpyHeaderText("|O", false, {3}), "'|O'"},
        BadHeader{NpyHeaderText("<U8", false, {3}), "'<U8'"},
        BadHeader{NpyHeaderText("<c8", false, {3}), "'<c8'"},
        BadHeader{NpyHeaderText("<f4", true, {3, 4, 5}), "Fortran"},
        BadHeader{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", "structured"},
        BadHeader{NpyHeaderText("<f4", false, {1 << 30, 1 << 30, 1 << 30}), "2^63 elements"},
        BadHeader{NpyHeaderText("<f8", false, {int64_t{1} << 61}), "2^63 bytes"},
        BadHeader{NpyHeaderText("<f8", false, std::vector<int64_t>(33, 1)), "32 dimensions"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "dimension"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                  "dimension"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (3", "shape"},
        BadHeader{"{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}", "fortran_order"},
        BadHeader{"{'descr': '<f4', 'shape': (3,)}", "lacks one of"},
        BadHeader{"{'descr': '<f4', 'descr': '<f4'}", "'descr' twice"},
        BadHeader{"{'evil': 1}", "'evil'"}, BadHeader{"{'descr", "not understood"},
        BadHeader{"()", "no dict"}, BadHeader{"{} os.system", "goes on after"}));

TEST(NpyFileTest, OtherFilesAreNoNpyFiles) {
  EXPECT_THAT(ParseNpyHeader("PK\x03\x04 a zip file").status().message(), HasSubstr("no .npy"));
  EXPECT_THAT(ParseNpyHeader("").status().message(), HasSubstr("no .npy"));
  std::string future = NpyWithHeader(NpyHeaderText("<f4", false, {0}), "");
  future[6] = 4;
  EXPECT_THAT(ParseNpyHeader(future).status().message(), HasSubstr("version 4.0"));
  std::string huge = NpyWithHeader(NpyHeaderText("<f4", false, {0}), "", 2);
  huge[11] = '\x7f';
  EXPECT_THAT(ParseNpyHeader(huge).status().message(), HasSubstr("the limit is"));
}

TEST(NpyIntegersTest, NumbersComeOneByOneAndAgainAfterRewind) {
  std::vector<int16_t> numbers(20000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int16_t>(i * 7 - 9000);
  TempFolder folder;
  auto integers = NpyIntegers::Create(MustOpen(folder, Npy("<i2", {20000}, numbers)));
  ASSERT_TRUE(integers.ok());
  for (int round = 0; round < 2; ++round) {
    for (const int16_t number : numbers) ASSERT_EQ(*integers->Next(), number);
    EXPECT_EQ(integers->position(), integers->size());
    integers->Rewind();
  }
}

TEST(NpyIntegersTest, OtherArraysAreRefused) {
  TempFolder folder;
  EXPECT_FALSE(NpyIntegers::Create(MustOpen(folder, Npy<float>("<f4", {1}, {1}))).ok());
  EXPECT_FALSE(NpyIntegers::Create(MustOpen(folder, Npy<int32_t>("<i4", {1, 1}, {1}))).ok());
}

}  // namespace
}  // namespace graphfeed
