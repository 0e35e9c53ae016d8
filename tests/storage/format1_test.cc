// The folder format1 was written by the last program of format 1: two graphs as a@1, a@2, b@1 and
// c@1. It is taken over whole, or DATA_LOSS says what is wrong with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/chunks/record_file.h"
#include "tests/storage/fault_folder.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr char kFingerprint[] = "f062a212c9771790f4fc069c6e0ec3f1";
const std::string& Expected() {
  static const auto* const text =
      new std::string(absl::StrCat("a@1 ", kFingerprint, "\na@2 ", kFingerprint, "\nb@1 ",
                                   kFingerprint, "\nc@1 ", kFingerprint, "\n"));
  return *text;
}

class Format1Test : public testing::Test {
 protected:
  Format1Test() : image_(ReadFolder(FORMAT1_FOLDER)) { WriteFolder(folder_, image_); }

  std::vector<std::string> Tables() const {
    std::vector<std::string> tables;
    for (const auto& [name, bytes] : image_) {
      if (name.ends_with(".sst")) tables.push_back(name);
    }
    return tables;
  }

  // OK if everything is served.
  absl::Status Open(const CatalogOptions& options = {.sweep_after = absl::ZeroDuration()}) {
    auto catalog = OpenFolder(folder_, options);
    if (!catalog.ok()) return catalog.status();
    const auto contents = Contents(**catalog);
    if (contents.ok()) {
      EXPECT_EQ(*contents, Expected());
    }
    return contents.status();
  }

  const TestFolder root_;
  const fs::path folder_ = root_.path() / "data";
  const FolderImage image_;
};

TEST_F(Format1Test, IsTakenOverWithAllThatIsInIt) {
  for (int start = 0; start < 3; ++start) {
    const absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(fs::exists(folder_ / kRecordFile));
  }
  auto catalog = OpenFolder(folder_);
  EXPECT_EQ(Ingest(**catalog, {.name = "a"}, {TwoGraphs()})->version, 3);
  ASSERT_TRUE((*catalog)->Delete("a", 3).ok());
}

TEST_F(Format1Test, IsReadAsItIs) {
  const absl::Status status = Open({.read_only = true});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(ReadFolder(folder_), image_);
}

TEST_F(Format1Test, ABrokenOffTakeoverIsRepeated) {
  {
    auto store = OpenRocksDbChunkStore(folder_.string());
    ASSERT_TRUE(store.ok()) << store.status();
    const auto listed = (*store)->ListRecords();
    ASSERT_TRUE(listed.ok()) << listed.status();
    RecordMap records;
    for (const auto& [key, value] : *listed) records[key] = value;
    WriteFile(folder_ / kRecordFile, EncodeRecords(records));
  }
  const absl::Status status = Open();
  ASSERT_TRUE(status.ok()) << status;
}

TEST_F(Format1Test, TwoCataloguesThatDifferAreRefused) {
  WriteFile(folder_ / kRecordFile, EncodeRecords({{"format", "1"}}));
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

TEST_F(Format1Test, ADamagedTableLosesNothingInSilence) {
  int losses = 0;
  for (const std::string& table : Tables()) {
    const std::string& bytes = image_.at(table);
    const bool of_records = bytes.find("catalog") != std::string::npos;
    if (!of_records) continue;
    for (size_t i = 0; i < bytes.size(); i += 29) {
      SCOPED_TRACE(absl::StrCat(table, " byte ", i));
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      WriteFile(folder_ / table, damaged);
      const absl::Status status = Open();
      WriteFile(folder_ / table, bytes);
      if (status.ok()) {
        RestoreFolder(folder_, image_);
        continue;
      }
      ++losses;
      ASSERT_TRUE(absl::IsDataLoss(status)) << status;
      ASSERT_EQ(ReadFolder(folder_), image_);
    }
  }
  EXPECT_GT(losses, 60);
}

TEST_F(Format1Test, AMissingTableOrEndOfTheManifestLosesNothingInSilence) {
  for (const std::string& table : Tables()) {
    if (image_.at(table).find("catalog") == std::string::npos) continue;
    fs::remove(folder_ / table);
    const absl::Status status = Open();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(table));
    RestoreFolder(folder_, image_);
  }
  for (const auto& [name, bytes] : image_) {
    if (!name.starts_with("MANIFEST-")) continue;
    for (size_t size = 0; size < bytes.size(); size += 13) {
      SCOPED_TRACE(absl::StrCat(name, " cut to ", size));
      WriteFile(folder_ / name, bytes.substr(0, size));
      const absl::Status status = Open();
      if (!status.ok()) {
        ASSERT_TRUE(absl::IsDataLoss(status)) << status;
        WriteFile(folder_ / name, bytes);
        ASSERT_EQ(ReadFolder(folder_), image_);
      }
      RestoreFolder(folder_, image_);
    }
  }
}

}  // namespace
}  // namespace graphfeed
