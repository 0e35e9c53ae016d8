// One fault at a time in a data folder: every byte of every small file, every length, every file.
// The folder then serves what it served before, or says DATA_LOSS and changes nothing; with the
// fault mended it serves all of it, whatever happened in between.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/chunks/record_file.h"
#include "storage/snapshot.h"
#include "tests/storage/fault_folder.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr size_t kSmallFile = 8192;

// Several faults in one folder of three versions of two datasets, one of them deleted.
class FolderFaultTest : public testing::Test {
 protected:
  FolderFaultTest() {
    {
      auto catalog = OpenFolder(folder_);
      EXPECT_TRUE(catalog.ok()) << catalog.status();
      for (const char* name : {"a", "b", "a"}) {
        EXPECT_TRUE(Ingest(**catalog, {.name = name}, {TwoGraphs()}).ok());
      }
      EXPECT_TRUE((*catalog)->Delete("b", 1).ok());
      EXPECT_TRUE(Ingest(**catalog, {.name = "c"}, {TwoGraphs()}).ok());
      contents_ = *Contents(**catalog);
    }
    image_ = ReadFolder(folder_);
  }

  // Opens the folder with a fault in `file` and looks at it, then mends the fault and looks again.
  void Check(const std::string& file, const std::function<void()>& mend) {
    const absl::Status status = [&] {
      auto catalog = OpenFolder(folder_, {.sweep_after = absl::ZeroDuration()});
      if (!catalog.ok()) {
        EXPECT_THAT(std::string(catalog.status().message()), HasSubstr(folder_.string()));
        return catalog.status();
      }
      const auto contents = Contents(**catalog);
      if (contents.ok()) {
        EXPECT_EQ(*contents, contents_);
      }
      return contents.status();
    }();
    if (status.ok()) {
      ++served_;
    } else {
      ++losses_;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    }
    const FolderImage left = ReadFolder(folder_);
    for (const auto& [name, bytes] : image_) {
      if (name.ends_with(".sst")) {
        EXPECT_TRUE(left.contains(name) || name == file) << name;
      }
    }
    mend();
    // Where it was not even opened nothing has changed, and opening it again tells nothing.
    if (ReadFolder(folder_) != image_) {
      auto catalog = OpenFolder(folder_);
      ASSERT_TRUE(catalog.ok()) << catalog.status();
      const auto contents = Contents(**catalog);
      ASSERT_TRUE(contents.ok()) << contents.status();
      EXPECT_EQ(*contents, contents_);
    }
    if (HasFailure()) FAIL() << status;
    RestoreFolder(folder_, image_);
  }

  void CheckWith(const std::string& file, const std::string& bytes) {
    WriteFile(folder_ / file, bytes);
    Check(file, [&] { WriteFile(folder_ / file, image_.at(file)); });
  }

  std::vector<std::string> SmallFiles() const {
    std::vector<std::string> files;
    for (const auto& [name, bytes] : image_) {
      if (IsDataFile(name) && bytes.size() <= kSmallFile) files.push_back(name);
    }
    return files;
  }

  const TestFolder root_;
  const fs::path folder_ = root_.path() / "data";
  FolderImage image_;
  std::string contents_;
  int served_ = 0;
  int losses_ = 0;
};

TEST_F(FolderFaultTest, AFlippedBitLosesNothingInSilence) {
  for (const std::string& file : SmallFiles()) {
    const std::string& bytes = image_.at(file);
    if (file.ends_with(".sst")) continue;  // damage_test.cc looks into them
    for (size_t i = 0; i < bytes.size(); ++i) {
      SCOPED_TRACE(absl::StrCat(file, " byte ", i));
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      CheckWith(file, damaged);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(losses_, 500);
  std::printf("%d served as before, %d DATA_LOSS\n", served_, losses_);
}

TEST_F(FolderFaultTest, AFlippedBitOfATableOfChunksHarmsNobodyElse) {
  std::string table;
  for (const std::string& file : SmallFiles()) {
    if (file.ends_with(".sst")) table = file;
  }
  const std::string& bytes = image_.at(table);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {static_cast<int>(i % 7), 7}) {  // RocksDB asserts on some highest bits
      SCOPED_TRACE(absl::StrCat(table, " byte ", i, " bit ", bit));
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      WriteFile(folder_ / table, damaged);
      const auto catalog = OpenFolder(folder_, {.read_only = true});
      ASSERT_TRUE(catalog.ok()) << catalog.status();
      const auto contents = Contents(**catalog);
      if (contents.ok()) {
        EXPECT_EQ(*contents, contents_);
      } else {
        ++losses_;
        ASSERT_TRUE(absl::IsDataLoss(contents.status())) << contents.status();
      }
    }
  }
  EXPECT_GT(losses_, 500);
}

TEST_F(FolderFaultTest, AFileThatIsCutLosesNothingInSilence) {
  for (const std::string& file : SmallFiles()) {
    const std::string& bytes = image_.at(file);
    if (file.ends_with(".sst")) continue;
    for (size_t size = 0; size < bytes.size(); ++size) {
      SCOPED_TRACE(absl::StrCat(file, " cut to ", size));
      CheckWith(file, bytes.substr(0, size));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(losses_, 100);
}

TEST_F(FolderFaultTest, AFileThatIsMissingLosesNothingInSilenceAndNothingIsMadeAnew) {
  for (const auto& [file, bytes] : image_) {
    SCOPED_TRACE(file);
    for (int start = 0; start < 2; ++start) {
      fs::remove(folder_ / file);
      const auto catalog = OpenFolder(folder_);
      if (!catalog.ok()) {
        EXPECT_THAT(std::string(catalog.status().message()), HasSubstr(fs::path(file).filename()));
      }
    }
    fs::remove(folder_ / file);
    Check(file, [&, name = file, content = bytes] { WriteFile(folder_ / name, content); });
    if (HasFatalFailure()) return;
  }
}

// A FIFO holds up who opens it, a device or a folder surprises RocksDB.
TEST_F(FolderFaultTest, WhatIsNoFileInAFilesPlaceIsSaidAtOnceAndLosesNothing) {
  const std::function<void(const fs::path&)> things[] = {
      [](const fs::path& path) { fs::create_directory(path); },
      [](const fs::path& path) { ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); },
      [](const fs::path& path) { fs::create_symlink("/dev/null", path); },
      [](const fs::path& path) { fs::create_symlink("nowhere", path); },
  };
  for (const auto& [file, bytes] : image_) {
    for (const auto& put : things) {
      SCOPED_TRACE(file);
      fs::remove(folder_ / file);
      put(folder_ / file);
      for (const bool read_only : {true, false}) {
        const auto catalog = OpenFolder(folder_, {.read_only = read_only});
        EXPECT_TRUE(absl::IsDataLoss(catalog.status())) << catalog.status();
        EXPECT_THAT(std::string(catalog.status().message()), HasSubstr(file));
      }
      fs::remove(folder_ / file);
      RestoreFolder(folder_, image_);
    }
  }
  const auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(*Contents(**catalog), contents_);
}

// Put back by hand, it would give out again the uids of columns that are there.
TEST_F(FolderFaultTest, ACatalogueThatIsOlderThanTheDataIsRefused) {
  const std::string older = image_.at("CATALOG");
  {
    auto catalog = OpenFolder(folder_);  // reserves another block of uids when it needs one
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    ASSERT_TRUE(Ingest(**catalog, {.name = "late"}, {TwoGraphs()}).ok());
  }
  WriteFile(folder_ / "CATALOG", older);
  const FolderImage before = ReadFolder(folder_);
  for (int start = 0; start < 2; ++start) {
    const auto catalog = OpenFolder(folder_);
    EXPECT_TRUE(absl::IsDataLoss(catalog.status())) << catalog.status();
    EXPECT_THAT(std::string(catalog.status().message()), HasSubstr("older"));
    EXPECT_EQ(ReadFolder(folder_), before);
  }
}

TEST_F(FolderFaultTest, ACopyOfADamagedFolderIsAnErrorAndChangesNothing) {
  for (const std::string& file : SmallFiles()) {
    SCOPED_TRACE(file);
    std::string damaged = image_.at(file);
    damaged[damaged.size() / 2] ^= 1;
    WriteFile(folder_ / file, damaged);
    const FolderImage before = ReadFolder(folder_);
    const fs::path copy = root_.path() / "copy";
    const auto copied = CopyDataDir(folder_.string(), copy.string(), /*verify=*/true);
    EXPECT_TRUE(absl::IsDataLoss(copied.status())) << copied.status();
    EXPECT_FALSE(fs::exists(copy));
    EXPECT_FALSE(fs::exists(copy.string() + ".tmp"));
    EXPECT_EQ(ReadFolder(folder_), before);
    WriteFile(folder_ / file, image_.at(file));
  }
}

TEST_F(FolderFaultTest, ReadingChangesNothing) {
  {
    auto catalog = OpenFolder(folder_, {.read_only = true});
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    EXPECT_EQ(*Contents(**catalog), contents_);
    EXPECT_TRUE(OpenFolder(folder_, {.read_only = true}).ok());  // several may
    EXPECT_TRUE(absl::IsFailedPrecondition(OpenFolder(folder_).status()));
    EXPECT_TRUE(absl::IsFailedPrecondition((*catalog)->Delete("a", 1)));
    EXPECT_TRUE(absl::IsFailedPrecondition((*catalog)->StartIngest({.name = "d"}).status()));
  }
  EXPECT_EQ(ReadFolder(folder_), image_);
}

TEST_F(FolderFaultTest, ASecondWriterIsRefusedAlsoWithoutTheLockFile) {
  const auto catalog = OpenFolder(folder_);
  fs::remove(folder_ / "LOCK");
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenFolder(folder_).status()));
}

TEST_F(FolderFaultTest, AFolderThatIsMovedIsWrittenNoMore) {
  auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  auto session = (*catalog)->StartIngest({.name = "late"});
  ASSERT_TRUE(session.ok());
  const fs::path moved = root_.path() / "moved";
  fs::rename(folder_, moved);
  const auto other = OpenFolder(folder_);  // another has its name now
  ASSERT_TRUE(other.ok()) << other.status();
  const FolderImage of_other = ReadFolder(folder_);
  EXPECT_TRUE(absl::IsUnavailable((*catalog)->Health()));
  EXPECT_TRUE(absl::IsUnavailable((*catalog)->Delete("a", 1)));
  absl::Status status = (*session)->Append(TwoGraphs());
  if (status.ok()) status = (*session)->Commit().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("was moved, removed or replaced"));
  // What is there is served until the server ends.
  EXPECT_EQ(*Contents(**catalog), contents_);
  session->reset();
  catalog->reset();
  EXPECT_EQ(ReadFolder(folder_), of_other);
  EXPECT_EQ(*Contents(**OpenFolder(moved)), contents_);
}

TEST_F(FolderFaultTest, TooFewDescriptorsAreSaidAndLoseNothing) {
  int served = 0;
  int refused = 0;
  for (int limit = 16; limit <= 112; ++limit) {
    FILE* out =
        popen(absl::StrCat(OPEN_FOLDER_BINARY, " ", folder_.string(), " ", limit).c_str(), "r");
    ASSERT_NE(out, nullptr);
    std::string text;
    for (int c = std::fgetc(out); c != EOF; c = std::fgetc(out)) text += static_cast<char>(c);
    const int status = pclose(out);
    ASSERT_TRUE(WIFEXITED(status)) << limit << ": status " << status;
    if (WEXITSTATUS(status) == 0) {
      ++served;
      EXPECT_EQ(text, contents_) << limit;
    } else {
      ++refused;
      ASSERT_EQ(WEXITSTATUS(status), 1) << limit << ": " << text;
    }
  }
  EXPECT_GT(served, 20);
  EXPECT_GT(refused, 20);
  auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(*Contents(**catalog), contents_);
}

TEST(RecordFileTest, AnyOtherBytesAreDataLoss) {
  const RecordMap records = {{"a", ""}, {"b", std::string(300, 'x')}, {std::string("\0c", 2), "1"}};
  const std::string bytes = EncodeRecords(records);
  EXPECT_EQ(*DecodeRecords(bytes), records);
  EXPECT_EQ(*DecodeRecords(EncodeRecords({})), RecordMap());
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      EXPECT_TRUE(absl::IsDataLoss(DecodeRecords(damaged).status())) << i;
    }
    EXPECT_TRUE(absl::IsDataLoss(DecodeRecords(bytes.substr(0, i)).status())) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecords(bytes + "x").status()));
}

}  // namespace
}  // namespace graphfeed
