#include "storage/chunks/open_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/base/status_macros.h"
#ifdef GRAPHFEED_WITH_RADOS
#include "storage/chunks/rados/location.h"
#endif

namespace graphfeed {

namespace {

absl::Status CheckRadosPlace([[maybe_unused]] absl::string_view rest) {
#ifdef GRAPHFEED_WITH_RADOS
  return ParseRadosLocation(rest).status();
#else
  return absl::FailedPreconditionError(
      "this graphfeed was built without stores in RADOS; build it with librados-dev and without "
      "GRAPHFEED_RADOS=OFF");
#endif
}

}  // namespace

#ifndef GRAPHFEED_WITH_RADOS
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRadosChunkStore(const std::string& rest,
                                                                const ChunkStoreOptions&) {
  return CheckRadosPlace(rest);
}
#endif

namespace {

absl::Status AnyFolder(absl::string_view) { return absl::OkStatus(); }

struct Engine {
  absl::string_view scheme;
  absl::StatusOr<std::unique_ptr<ChunkStore>> (*open)(const std::string& rest,
                                                      const ChunkStoreOptions& options);
  absl::Status (*check)(absl::string_view rest);
};

constexpr Engine kEngines[] = {{"rocksdb", OpenRocksDbChunkStore, AnyFolder},
                               {"rados", OpenRadosChunkStore, CheckRadosPlace}};

struct Place {
  const Engine* engine;
  std::string rest;
};

absl::StatusOr<Place> PlaceOf(absl::string_view location) {
  if (location.empty()) return absl::InvalidArgumentError("the place of the store is empty");
  const size_t end = location.find("://");
  if (end == absl::string_view::npos) return Place{&kEngines[0], std::string(location)};
  const absl::string_view scheme = location.substr(0, end);
  for (const Engine& engine : kEngines) {
    if (engine.scheme == scheme) return Place{&engine, std::string(location.substr(end + 3))};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", location, "\" is no store: \"", scheme, "\" is none of ",
                   absl::StrJoin(kEngines, ", ", [](std::string* out, const Engine& engine) {
                     absl::StrAppend(out, engine.scheme);
                   })));
}

}  // namespace

absl::Status CheckStorePlace(absl::string_view location) {
  GF_ASSIGN_OR_RETURN(const Place place, PlaceOf(location));
  return place.engine->check(place.rest);
}

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenStore(absl::string_view location,
                                                      const ChunkStoreOptions& options) {
  GF_ASSIGN_OR_RETURN(const Place place, PlaceOf(location));
  return place.engine->open(place.rest, options);
}

}  // namespace graphfeed
