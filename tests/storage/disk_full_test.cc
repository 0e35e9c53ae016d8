// A data folder on a file system of a few megabytes that is filled to the last byte, or nearly.
// Whatever writes then fails with its reason or succeeds, and never waits; with room again all goes
// on. Needs the right to mount, and is skipped without it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/chunks/disk_errors.h"
#include "tests/storage/fault_folder.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr size_t kPage = 4096;

class DiskFullTest : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    fs::create_directories(disk_);
    if (mount("tmpfs", disk_.c_str(), "tmpfs", 0, "size=12m") != 0) {
      GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) umount2(disk_.c_str(), MNT_DETACH);
  }

  // Takes all room but `left` bytes.
  void Fill(size_t left) {
    const int fd = open(filler_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0) << std::strerror(errno);
    const std::string page(kPage, 'x');
    off_t size = 0;
    while (write(fd, page.data(), page.size()) == static_cast<ssize_t>(kPage)) size += kPage;
    ASSERT_EQ(errno, ENOSPC);
    ASSERT_EQ(ftruncate(fd, size - static_cast<off_t>(left)), 0);
    close(fd);
  }
  void MakeRoom() { fs::remove(filler_); }

  static void ExpectDoneOrFull(const char* what, const absl::Status& status) {
    EXPECT_TRUE(status.ok() || IsDiskFull(status)) << what << ": " << status;
    if (status.ok()) return;
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the disk is full")) << what;
  }

  const TestFolder root_;
  const fs::path disk_ = root_.path() / "disk";
  const fs::path folder_ = disk_ / "data";
  const fs::path filler_ = disk_ / "filler";
  bool mounted_ = false;
};
INSTANTIATE_TEST_SUITE_P(Left, DiskFullTest,
                         testing::Values(0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 64, 128),
                         [](const auto& pages) { return absl::StrCat(pages.param, "Pages"); });

// A node column of zeros.
ColumnBlock Added(const std::string& name, const DatasetInfo& info) {
  ColumnBlock column;
  column.name = name;
  column.level = Level::kNode;
  column.dtype = DType::kInt64;
  column.rows.resize(static_cast<size_t>(info.num_nodes[0]) * sizeof(int64_t));
  return column;
}

TEST_P(DiskFullTest, EveryWriteEndsWithItsReasonAndGoesOnWhenThereIsRoom) {
  const GraphBlock large = RandomGraphs(7, 300);
  auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Ingest(**catalog, {.name = "d"}, {large}).ok());
  const std::string before = *Contents(**catalog);
  const DatasetInfo first = *(*catalog)->Get("d@1");
  const int64_t errors = DiskFullErrors();

  Fill(GetParam() * kPage);
  for (int round = 0; round < 2; ++round) {
    const auto info = Ingest(**catalog, {.name = "small"}, {TwoGraphs()});
    ExpectDoneOrFull("a small ingest", info.status());
    if (info.ok()) {
      ExpectDoneOrFull("deleting it", (*catalog)->Delete("small", info->version));
    }
    ExpectDoneOrFull("an ingest", Ingest(**catalog, {.name = "new"}, {large}).status());
    ExpectDoneOrFull("a column", (*catalog)->AddColumn("d@1", Added("more", first)).status());
    ExpectDoneOrFull("a snapshot", (*catalog)->Snapshot((disk_ / "copy").string()).status());
    fs::remove_all(disk_ / "copy");
    ExpectDoneOrFull("a sweep", (*catalog)->Sweep());
  }
  if (GetParam() == 0) {
    EXPECT_TRUE(IsDiskFull((*catalog)->Delete("d", 1)));
    EXPECT_EQ(*Contents(**catalog), before);
    EXPECT_GT(DiskFullErrors(), errors);
  }

  MakeRoom();
  EXPECT_TRUE(Ingest(**catalog, {.name = "late"}, {large}).ok());
  EXPECT_TRUE((*catalog)->Snapshot((disk_ / "copy").string()).ok());
  EXPECT_TRUE((*catalog)->Delete("d", 1).ok());
  const std::string after = *Contents(**catalog);
  catalog->reset();
  catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(*Contents(**catalog), after);
}

TEST_P(DiskFullTest, AStartEndsWithItsReasonAndLosesNothing) {
  std::string contents;
  {
    auto catalog = OpenFolder(folder_);
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    ASSERT_TRUE(Ingest(**catalog, {.name = "d"}, {RandomGraphs(7, 300)}).ok());
    contents = *Contents(**catalog);
  }
  Fill(GetParam() * kPage);
  for (int start = 0; start < 3; ++start) {
    const auto catalog = OpenFolder(folder_);
    ExpectDoneOrFull("a start", catalog.status());
    if (catalog.ok()) {
      EXPECT_EQ(*Contents(**catalog), contents);
    }
  }
  {
    const auto reader = OpenFolder(folder_, {.read_only = true});
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(*Contents(**reader), contents);
  }
  MakeRoom();
  const auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_EQ(*Contents(**catalog), contents);
}

TEST_P(DiskFullTest, AFirstStartEndsWithItsReasonAndIsDoneWhenThereIsRoom) {
  fs::create_directories(folder_);
  Fill(GetParam() * kPage);
  for (int start = 0; start < 2; ++start) {
    ExpectDoneOrFull("a first start", OpenFolder(folder_).status());
  }
  MakeRoom();
  const auto catalog = OpenFolder(folder_);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_TRUE(Ingest(**catalog, {.name = "d"}, {TwoGraphs()}).ok());
}

}  // namespace
}  // namespace graphfeed
