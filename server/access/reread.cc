#include "server/access/reread.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace graphfeed {

std::string LookOf(absl::Span<const std::string> files) {
  std::string look;
  for (const std::string& file : files) {
    struct stat status = {};
    if (stat(file.c_str(), &status) != 0) {
      absl::StrAppend(&look, "error ", errno, " ");
      continue;
    }
    absl::StrAppend(&look, status.st_dev, " ", status.st_ino, " ", status.st_size, " ",
                    status.st_mtim.tv_sec, " ", status.st_mtim.tv_nsec, " ");
  }
  return look;
}

}  // namespace graphfeed
