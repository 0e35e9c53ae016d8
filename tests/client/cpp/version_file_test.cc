#include "client/cpp/version_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/test_graphs.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

class OneBlock : public GraphSource {
 public:
  explicit OneBlock(int64_t num_graphs, absl::Status end = absl::OkStatus())
      : num_graphs_(num_graphs), end_(std::move(end)) {
    spec_.name = "d";
    spec_.copy_of = {.version = 2, .fingerprint = {9}, .transforms = {}};
  }
  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return done_; }
  int64_t total() const override { return num_graphs_; }
  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    if (done_ == 0) {
      done_ = num_graphs_;
      return std::optional(MoleculeBlock(num_graphs_));
    }
    if (!end_.ok()) return end_;
    return std::optional<GraphBlock>();
  }

 private:
  const int64_t num_graphs_;
  const absl::Status end_;
  IngestSpec spec_;
  int64_t done_ = 0;
};

class VersionFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Put(const std::string& contents) const {
    std::ofstream(Path("put"), std::ios::binary) << contents;
    return Path("put");
  }
  // How reading it ends.
  static absl::Status Read(const std::string& path) {
    auto source = OpenVersionFile(path);
    if (!source.ok()) return source.status();
    for (;;) {
      auto block = (*source)->Next();
      if (!block.ok()) return block.status();
      if (!block->has_value()) return absl::OkStatus();
    }
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/version_file_test_", getpid());
};

TEST_F(VersionFileTest, WhatIsReadIsWhatWasWritten) {
  int64_t told = 0;
  ASSERT_TRUE(WriteVersionFile(std::make_unique<OneBlock>(50), Path("v"),
                               [&](absl::string_view unit, int64_t done, int64_t total) {
                                 EXPECT_EQ(unit, "graphs");
                                 EXPECT_EQ(total, 50);
                                 told = done;
                               })
                  .ok());
  EXPECT_EQ(told, 50);
  auto source = OpenVersionFile(Path("v"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->spec().copy_of->version, 2);
  const auto block = (*source)->Next();
  ASSERT_TRUE(block.ok() && block->has_value()) << block.status();
  EXPECT_EQ((*block)->columns[0].rows, MoleculeBlock(50).columns[0].rows);
  EXPECT_FALSE((*source)->Next()->has_value());
}

TEST_F(VersionFileTest, AChangedByteIsFoundWhereverItIs) {
  ASSERT_TRUE(WriteVersionFile(std::make_unique<OneBlock>(3), Path("v"), nullptr).ok());
  const std::string good = Contents(Path("v"));
  ASSERT_TRUE(Read(Put(good)).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    const absl::Status status = Read(Put(bad));
    EXPECT_EQ(status.code(),
              i < 8 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kDataLoss)
        << "byte " << i << ": " << status;
  }
}

TEST_F(VersionFileTest, AFileThatEndsEarlyIsFound) {
  ASSERT_TRUE(WriteVersionFile(std::make_unique<OneBlock>(3), Path("v"), nullptr).ok());
  const std::string good = Contents(Path("v"));
  for (size_t length = 8; length < good.size(); ++length) {
    const absl::Status status = Read(Put(good.substr(0, length)));
    EXPECT_TRUE(absl::IsDataLoss(status)) << length << " bytes: " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(Path("put")));
  }
}

TEST_F(VersionFileTest, ASecondFileBehindTheFirstIsFound) {
  ASSERT_TRUE(WriteVersionFile(std::make_unique<OneBlock>(3), Path("v"), nullptr).ok());
  const std::string good = Contents(Path("v"));
  EXPECT_TRUE(absl::IsDataLoss(Read(Put(good + good.substr(8)))));
}

TEST_F(VersionFileTest, OtherFilesAndNoneAreTold) {
  EXPECT_TRUE(absl::IsNotFound(Read(Path("nothing"))));
  const absl::Status status = Read(Put("a text that somebody wrote"));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("put")));
  EXPECT_TRUE(absl::IsInvalidArgument(Read(Put(""))));
}

TEST_F(VersionFileTest, WhatIsNoRegularFileIsNotReplaced) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const absl::Status status =
      WriteVersionFile(std::make_unique<OneBlock>(3), Path("pipe"), nullptr);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no regular file"));
  EXPECT_TRUE(std::filesystem::is_fifo(Path("pipe")));
}

TEST_F(VersionFileTest, AnExportThatFailsLeavesWhatWasThere) {
  ASSERT_TRUE(WriteVersionFile(std::make_unique<OneBlock>(3), Path("v"), nullptr).ok());
  const std::string good = Contents(Path("v"));
  const absl::Status status = WriteVersionFile(
      std::make_unique<OneBlock>(5, absl::DataLossError("chunk 3")), Path("v"), nullptr);
  EXPECT_EQ(status, absl::DataLossError("chunk 3"));
  EXPECT_EQ(Contents(Path("v")), good);
  const auto files = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
  EXPECT_TRUE(
      absl::IsNotFound(WriteVersionFile(std::make_unique<OneBlock>(3), Path("none/v"), nullptr)));
}

}  // namespace
}  // namespace graphfeed
