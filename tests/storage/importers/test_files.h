#ifndef GRAPHFEED_TESTS_STORAGE_IMPORTERS_TEST_FILES_H_
#define GRAPHFEED_TESTS_STORAGE_IMPORTERS_TEST_FILES_H_

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/graph_source.h"
#include "tests/storage/chunks/column_blocks.h"

namespace graphfeed {

// A folder that is gone with its owner.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = testing::TempDir() + "/graphfeed.XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path() const { return path_.string(); }
  std::string File(const std::string& name) const { return (path_ / name).string(); }
  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  void WriteGzipped(const std::string& name, const std::string& content) const {
    gzFile file = gzopen(File(name).c_str(), "wb");
    ASSERT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
              static_cast<int>(content.size()));
    gzclose(file);
  }

 private:
  std::filesystem::path path_;
};

template <typename T>
std::vector<T> Values(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// A .npy file as numpy writes it.
inline std::string NpyHeaderText(const std::string& descr, bool fortran,
                                 const std::vector<int64_t>& shape) {
  return absl::StrCat("{'descr': '", descr, "', 'fortran_order': ", fortran ? "True" : "False",
                      ", 'shape': (", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")",
                      ", }");
}

inline std::string NpyWithHeader(std::string header, const std::string& data, int version = 1) {
  const size_t prefix = version == 1 ? 10 : 12;
  while ((prefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (size_t i = 0; i < prefix - 8; ++i) {
    file += static_cast<char>((header.size() >> (8 * i)) & 0xff);
  }
  return file + header + data;
}

template <typename T>
std::string Npy(const std::string& descr, const std::vector<int64_t>& shape,
                const std::vector<T>& values, bool fortran = false) {
  return NpyWithHeader(NpyHeaderText(descr, fortran, shape), Bytes(values));
}

// All blocks of a source.
inline absl::StatusOr<std::vector<GraphBlock>> ReadAll(GraphSource& source) {
  std::vector<GraphBlock> blocks;
  while (true) {
    auto block = source.Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) return blocks;
    blocks.push_back(std::move(**block));
  }
}

inline const ColumnBlock* FindColumn(const GraphBlock& block, const std::string& name,
                                     int type = 0) {
  for (const ColumnBlock& column : block.columns) {
    if (column.name == name && column.type == type) return &column;
  }
  return nullptr;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_IMPORTERS_TEST_FILES_H_
