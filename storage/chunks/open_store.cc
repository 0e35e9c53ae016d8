#include "storage/chunks/open_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace graphfeed {

#ifndef GRAPHFEED_WITH_RADOS
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRadosChunkStore(const std::string&,
                                                                const ChunkStoreOptions&) {
  return absl::FailedPreconditionError(
      "this graphfeed was built without stores in RADOS; build it with librados-dev and without "
      "GRAPHFEED_RADOS=OFF");
}
#endif

namespace {

struct Engine {
  absl::string_view scheme;
  absl::StatusOr<std::unique_ptr<ChunkStore>> (*open)(const std::string& rest,
                                                      const ChunkStoreOptions& options);
};

constexpr Engine kEngines[] = {{"rocksdb", OpenRocksDbChunkStore}, {"rados", OpenRadosChunkStore}};

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenStore(absl::string_view location,
                                                      const ChunkStoreOptions& options) {
  if (location.empty()) return absl::InvalidArgumentError("the place of the store is empty");
  const size_t end = location.find("://");
  if (end == absl::string_view::npos) return OpenRocksDbChunkStore(std::string(location), options);
  const absl::string_view scheme = location.substr(0, end);
  for (const Engine& engine : kEngines) {
    if (engine.scheme == scheme) return engine.open(std::string(location.substr(end + 3)), options);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", location, "\" is no store: \"", scheme, "\" is none of ",
                   absl::StrJoin(kEngines, ", ", [](std::string* out, const Engine& engine) {
                     absl::StrAppend(out, engine.scheme);
                   })));
}

}  // namespace graphfeed
