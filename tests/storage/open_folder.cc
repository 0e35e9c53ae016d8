// Opens a data folder with few file descriptors and reads all of it.
//
//   open_folder FOLDER LIMIT
//
// Prints what is in it and exits 0; exits 1 where it is refused as it should be, else 2.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "tests/storage/fault_folder.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const rlim_t limit = std::strtoull(argv[2], nullptr, 10);
  const rlimit few = {limit, limit};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
  auto catalog = graphfeed::OpenFolder(argv[1], {.sweep_after = absl::ZeroDuration()});
  if (!catalog.ok()) {
    std::printf("%s\n", catalog.status().ToString().c_str());
    return absl::IsResourceExhausted(catalog.status()) ? 1 : 2;
  }
  const auto contents = graphfeed::Contents(**catalog);
  if (!contents.ok()) return absl::IsUnavailable(contents.status()) ? 1 : 2;
  std::fputs(contents->c_str(), stdout);
  return 0;
}
