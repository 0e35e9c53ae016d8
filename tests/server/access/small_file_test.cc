#include "server/access/small_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

class SmallFileTest : public testing::Test {
 protected:
  std::string Path(const char* name) { return testing::TempDir() + "/small_file_test_" + name; }
  std::string Write(const char* name, const std::string& text) {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  std::string WhyNot(const std::string& path) {
    const auto text = ReadSmallFile(path);
    EXPECT_EQ(text.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(text.status().message()),
                HasSubstr("\"" + path + "\"; cannot be read"));
    return std::string(text.status().message());
  }
};

TEST_F(SmallFileTest, ReadsFilesAndWhatLinksLeadTo) {
  const std::string text = std::string("a\0b\n", 4) + std::string(100'000, 'x');
  const std::string path = Write("text", text);
  EXPECT_EQ(*ReadSmallFile(path), text);
  EXPECT_EQ(*ReadSmallFile(Write("empty", "")), "");
  std::filesystem::remove(Path("link"));
  std::filesystem::create_symlink(path, Path("link"));
  EXPECT_EQ(*ReadSmallFile(Path("link")), text);
}

TEST_F(SmallFileTest, SaysWhyNot) {
  EXPECT_THAT(WhyNot(Path("absent")), HasSubstr("No such file"));
  EXPECT_THAT(WhyNot(testing::TempDir()), HasSubstr("no regular file"));
  std::filesystem::remove(Path("pipe"));
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(WhyNot(Path("pipe")), HasSubstr("no regular file"));  // and does not wait
  EXPECT_THAT(WhyNot(Write("large", std::string(kMaxSmallFileBytes + 1, 'x'))),
              HasSubstr("larger than 4194304 bytes"));
  EXPECT_TRUE(ReadSmallFile(Write("large", std::string(kMaxSmallFileBytes, 'x'))).ok());
}

}  // namespace
}  // namespace graphfeed
