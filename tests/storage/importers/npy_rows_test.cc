#include "storage/importers/npy_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/importers/npy_source.h"
#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// [[0, 5, 0], [0, 0, 0], [1, 0, 2]].
void WriteCsr(const TempFolder& folder) {
  folder.Write("x_indptr.npy", Npy<int64_t>("<i8", {4}, {0, 1, 1, 3}));
  folder.Write("x_indices.npy", Npy<int32_t>("<i4", {3}, {1, 2, 0}));
  folder.Write("x_data.npy", Npy<float>("<f4", {3}, {5, 2, 1}));
}

absl::StatusOr<std::string> ReadCsr(const TempFolder& folder, int64_t num_columns, int64_t first,
                                    int64_t count) {
  auto rows = OpenCsrRows(folder.File("x"), num_columns);
  if (!rows.ok()) return rows.status();
  std::string bytes;
  if (absl::Status status = (*rows)->Read(first, count, bytes); !status.ok()) return status;
  return bytes;
}

TEST(CsrRowsTest, RowsBecomeDense) {
  TempFolder folder;
  WriteCsr(folder);
  const auto rows = OpenCsrRows(folder.File("x"), 3);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)->num_rows(), 3);
  EXPECT_THAT((*rows)->row_shape(), ElementsAre(3));
  EXPECT_EQ((*rows)->row_bytes(), 12);
  EXPECT_EQ((*rows)->dtype(), DType::kFloat32);
  EXPECT_THAT(Values<float>(*ReadCsr(folder, 3, 0, 3)), ElementsAre(0, 5, 0, 0, 0, 0, 1, 0, 2));
  EXPECT_THAT(Values<float>(*ReadCsr(folder, 4, 2, 1)), ElementsAre(1, 0, 2, 0));
  std::string bytes;
  ASSERT_TRUE((*rows)->Read(1, 0, bytes).ok());
  EXPECT_EQ(bytes, "");
}

TEST(CsrRowsTest, WithoutValuesTheyAreOnes) {
  TempFolder folder;
  WriteCsr(folder);
  std::filesystem::remove(folder.File("x_data.npy"));
  EXPECT_EQ((*OpenCsrRows(folder.File("x"), 3))->dtype(), DType::kFloat32);
  EXPECT_THAT(Values<float>(*ReadCsr(folder, 3, 0, 3)), ElementsAre(0, 1, 0, 0, 0, 0, 1, 0, 1));
}

TEST(CsrRowsTest, FilesThatContradictEachOtherAreRefused) {
  const auto error = [](auto change) {
    TempFolder folder;
    WriteCsr(folder);
    change(folder);
    const absl::Status status = ReadCsr(folder, 3, 0, 3).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indices.npy", Npy<int32_t>("<i4", {3}, {1, 3, 0}));
              }),
              HasSubstr("row 2 has column 3; there are 3 (num_columns)"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indices.npy", Npy<int32_t>("<i4", {3}, {1, -1, 0}));
              }),
              HasSubstr("row 2 has column -1"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indices.npy", Npy<int32_t>("<i4", {3}, {1, 2, 2}));
              }),
              HasSubstr("row 2 has column 2 twice"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indptr.npy", Npy<int64_t>("<i8", {4}, {0, 1, 0, 3}));
              }),
              HasSubstr("x_indptr.npy: row 1 has the values 1 to 0"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indptr.npy", Npy<int64_t>("<i8", {4}, {0, 1, 1, 4}));
              }),
              HasSubstr("row 2 has the values 1 to 4; there are 3"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indptr.npy", Npy<int64_t>("<i8", {4}, {-1, 1, 1, 3}));
              }),
              HasSubstr("row 0 has the values -1 to 1"));
  EXPECT_THAT(error([](auto& f) { f.Write("x_indptr.npy", Npy<int64_t>("<i8", {0}, {})); }),
              HasSubstr("x_indptr.npy is empty"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_data.npy", Npy<float>("<f4", {2}, {5, 2}));
              }),
              HasSubstr("x_indices.npy has 3 entries"));
  EXPECT_THAT(error([](auto& f) {
                f.Write("x_indices.npy", Npy<float>("<f4", {3}, {1, 2, 0}));
              }),
              HasSubstr("vectors of integers"));
}

TEST(ConvertRowsTest, ValuesKeepTheirMeaningOrAreRefused) {
  TempFolder folder;
  folder.Write("u1.npy", Npy<uint8_t>("|u1", {2, 2}, {0, 1, 1, 0}));
  folder.Write("i8.npy", Npy<int64_t>("<i8", {3}, {1, -3, 300}));
  folder.Write("f4.npy", Npy<float>("<f4", {2}, {0.5F, -2}));
  folder.Write("big.npy", Npy<int64_t>("<i8", {1}, {(int64_t{1} << 24) + 1}));
  const auto read = [&](const char* file, DType dtype) -> absl::StatusOr<std::string> {
    auto opened = NpyFile::Open(folder.File(file));
    EXPECT_TRUE(opened.ok()) << opened.status();
    auto rows = ConvertRows(ArrayRows(*std::move(opened), false), dtype);
    if (!rows.ok()) return rows.status();
    EXPECT_EQ((*rows)->dtype(), dtype);
    std::string bytes;
    absl::Status status = (*rows)->Read(0, (*rows)->num_rows(), bytes);
    if (!status.ok()) return status;
    EXPECT_EQ(static_cast<int64_t>(bytes.size()), (*rows)->num_rows() * (*rows)->row_bytes());
    return bytes;
  };
  EXPECT_THAT(Values<uint8_t>(*read("u1.npy", DType::kBool)), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(Values<float>(*read("u1.npy", DType::kFloat32)), ElementsAre(0, 1, 1, 0));
  EXPECT_THAT(Values<int16_t>(*read("i8.npy", DType::kInt16)), ElementsAre(1, -3, 300));
  EXPECT_THAT(Values<double>(*read("f4.npy", DType::kFloat64)), ElementsAre(0.5, -2));
  const auto error = [&](const char* file, DType dtype) {
    return std::string(read(file, dtype).status().message());
  };
  EXPECT_THAT(error("i8.npy", DType::kInt8), HasSubstr("row 2 has 300, which int8 cannot hold"));
  EXPECT_THAT(error("i8.npy", DType::kUint8), HasSubstr("row 1 has -3, which uint8 cannot hold"));
  EXPECT_THAT(error("i8.npy", DType::kBool), HasSubstr("row 1 has -3, which bool cannot hold"));
  EXPECT_THAT(error("big.npy", DType::kFloat32),
              HasSubstr("row 0 has 16777217, which float32 cannot hold"));
  EXPECT_THAT(error("f4.npy", DType::kInt64), HasSubstr("do not become int64"));
}

TEST(NpySchemaTest, SparseColumnsAndDtypesOfAHeterogeneousGraph) {
  TempFolder folder;
  WriteCsr(folder);
  folder.Write("mask.npy", Npy<uint8_t>("|u1", {3}, {1, 0, 1}));
  folder.Write("ends.npy", Npy<int32_t>("<i4", {2, 2}, {0, 2, 1, 0}));
  folder.Write("schema.json", R"({
      "nodes": [{"type": "movie", "columns": [
                   {"name": "x", "csr": "x", "num_columns": 3},
                   {"name": "train_mask", "file": "mask.npy", "dtype": "bool"}]},
                {"type": "actor", "num_nodes": 2}],
      "edges": [{"source": "movie", "relation": "to", "target": "actor",
                 "columns": [{"name": "edge_index", "file": "ends.npy", "dtype": "int64"}]}]})");
  // One row at a time.
  auto source = OpenNpyFolder(folder.path(), {.block_bytes = 1});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT((*source)->spec().num_nodes, ElementsAre(3, 2));
  const auto blocks = ReadAll(**source);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  std::string x;
  std::string mask;
  std::string ends;
  for (const GraphBlock& block : *blocks) {
    const ColumnBlock& column = block.columns[0];
    (column.name == "x" ? x : column.name == "train_mask" ? mask : ends) += column.rows;
    EXPECT_EQ(column.dtype, column.name == "x"            ? DType::kFloat32
                            : column.name == "train_mask" ? DType::kBool
                                                          : DType::kInt64);
  }
  EXPECT_THAT(Values<float>(x), ElementsAre(0, 5, 0, 0, 0, 0, 1, 0, 2));
  EXPECT_THAT(Values<uint8_t>(mask), ElementsAre(1, 0, 1));
  EXPECT_THAT(Values<int64_t>(ends), ElementsAre(0, 1, 2, 0));
}

TEST(NpySchemaTest, MistakesInSparseColumnsAndDtypesAreNamed) {
  for (const auto& [column, error] : std::vector<std::pair<std::string, std::string>>{
           {R"({"name": "x", "csr": "x"})", "num_columns is \"0\""},
           {R"({"name": "x", "csr": "x", "num_columns": 20000000})", "num_columns is \"20000000\""},
           {R"({"name": "x", "num_columns": 3})", "csr and num_columns come together"},
           {R"({"name": "x", "csr": "x", "num_columns": 3, "file": "x.npy"})", "without file"},
           {R"({"name": "x", "csr": "x", "num_columns": 3, "dtype": "int8"})",
            "do not become int8"},
           {R"({"name": "x", "csr": "x", "num_columns": 3, "dtype": "complex"})",
            "dtype is \"complex\""}}) {
    TempFolder folder;
    WriteCsr(folder);
    folder.Write("schema.json", "{\"num_nodes\": 3, \"columns\": [" + column + "]}");
    const auto source = OpenNpyFolder(folder.path(), {});
    EXPECT_THAT(std::string(source.status().message()), HasSubstr(error)) << column;
  }
}

}  // namespace
}  // namespace graphfeed
