// Ingests into a data folder until it is killed: versions of "d", one after the other, each
// followed by deleting what is older than the one before. Prints a line per published version.
//
//   crash_ingest FOLDER SEED

#include <cstdio>
#include <cstdlib>
#include <string>

#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"

namespace graphfeed {
namespace {

absl::Status Run(const std::string& folder, uint64_t seed) {
  auto store = OpenRocksDbChunkStore(folder);
  if (!store.ok()) return store.status();
  auto catalog = Catalog::Open(*std::move(store), {});
  if (!catalog.ok()) return catalog.status();
  for (;; ++seed) {
    auto session = (*catalog)->StartIngest({.name = "d"});
    if (!session.ok()) return session.status();
    for (uint64_t block = 0; block < 10; ++block) {
      absl::Status status = (*session)->Append(RandomGraphs(100 * seed + block, 500));
      if (!status.ok()) return status;
    }
    const auto info = (*session)->Commit();
    if (!info.ok()) return info.status();
    std::printf("%lld\n", static_cast<long long>(info->version));
    std::fflush(stdout);
    for (const DatasetInfo& older : (*catalog)->List()) {
      if (older.version + 1 >= info->version) continue;
      absl::Status status = (*catalog)->Delete("d", older.version);
      if (!status.ok()) return status;
    }
  }
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const absl::Status status = graphfeed::Run(argv[1], std::strtoull(argv[2], nullptr, 10));
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
