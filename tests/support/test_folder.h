#ifndef GRAPHFEED_TESTS_SUPPORT_TEST_FOLDER_H_
#define GRAPHFEED_TESTS_SUPPORT_TEST_FOLDER_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace graphfeed {

// A folder of the test's own, which is removed at the end.
class TestFolder {
 public:
  TestFolder() : path_(testing::TempDir() + "/graphfeed_XXXXXX") {
    if (mkdtemp(path_.data()) != nullptr) return;
    std::perror(path_.c_str());
    std::abort();
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(absl::string_view below) const { return path_ + "/" + std::string(below); }

 private:
  std::string path_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_TEST_FOLDER_H_
