#include "storage/importers/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<std::vector<std::string>> Lines(const std::string& path) {
  auto reader = LineReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::vector<std::string> lines;
  while (true) {
    auto line = (*reader)->Next();
    if (!line.ok()) return line.status();
    if (!line->has_value()) return lines;
    lines.emplace_back(**line);
    EXPECT_EQ((*reader)->line(), static_cast<int64_t>(lines.size()));
  }
}

TEST(LineReaderTest, LinesEndWithNewlineCarriageReturnOrTheFile) {
  TempFolder folder;
  folder.Write("a", "one\ntwo\r\n\nlast");
  EXPECT_THAT(*Lines(folder.File("a")), ElementsAre("one", "two", "", "last"));
  folder.Write("b", "one\n");
  EXPECT_THAT(*Lines(folder.File("b")), ElementsAre("one"));
  folder.Write("c", "");
  EXPECT_THAT(*Lines(folder.File("c")), ElementsAre());
}

TEST(LineReaderTest, LongFilesReadTheSamePlainAndGzipped) {
  std::string text;
  for (int i = 0; i < 200000; ++i) absl::StrAppend(&text, i, ",", i * 7, "\n");
  TempFolder folder;
  folder.Write("plain", text);
  folder.WriteGzipped("gzipped.gz", text);
  const auto plain = Lines(folder.File("plain"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->size(), 200000u);
  EXPECT_EQ(absl::StrJoin(*plain, "\n") + "\n", text);
  EXPECT_EQ(*Lines(folder.File("gzipped.gz")), *plain);
}

TEST(LineReaderTest, LinesLongerThanTheBufferAreWhole) {
  const std::string line(1 << 20, 'x');
  TempFolder folder;
  folder.Write("a", line + "\n" + line);
  EXPECT_THAT(*Lines(folder.File("a")), ElementsAre(line, line));
}

TEST(LineReaderTest, EndlessLinesAreRefused) {
  TempFolder folder;
  folder.WriteGzipped("a.gz", std::string(LineReader::kMaxLineBytes + 1, 'x'));
  const auto lines = Lines(folder.File("a.gz"));
  EXPECT_EQ(lines.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(lines.status().message(), HasSubstr("a.gz:1: the line has more than 4194304 bytes"));
}

TEST(LineReaderTest, EveryTruncationOfAGzipFileIsDataLoss) {
  TempFolder folder;
  folder.WriteGzipped("whole.gz", "1\n2\n3\n");
  std::ifstream file(folder.File("whole.gz"), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GT(whole.size(), 20u);
  // Shorter ones are no gzip files yet.
  for (size_t size = 4; size < whole.size(); ++size) {
    folder.Write("cut.gz", whole.substr(0, size));
    EXPECT_EQ(Lines(folder.File("cut.gz")).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(LineReaderTest, ADamagedGzipFileIsDataLoss) {
  std::string text;
  for (int i = 0; i < 10000; ++i) absl::StrAppend(&text, i * 31 % 977, "\n");
  TempFolder folder;
  folder.WriteGzipped("a.gz", text);
  std::fstream file(folder.File("a.gz"), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(folder.File("a.gz")) / 2));
  file.write("\xff\x00\xff\x00", 4);
  file.close();
  const auto lines = Lines(folder.File("a.gz"));
  EXPECT_EQ(lines.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(lines.status().message(), HasSubstr("a.gz"));
}

TEST(LineReaderTest, AMissingFileIsNotFoundAndNamed) {
  const auto lines = Lines("/nonexistent/a.txt");
  EXPECT_EQ(lines.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(lines.status().message(), HasSubstr("/nonexistent/a.txt"));
}

}  // namespace
}  // namespace graphfeed
