#include "storage/chunks/rados/location.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace graphfeed {

std::string RadosLocation::Name() const {
  return absl::StrCat("rados://", pool, name_space.empty() ? "" : "/", name_space);
}

absl::StatusOr<RadosLocation> ParseRadosLocation(absl::string_view text) {
  const auto error = [&](auto... what) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"rados://", text, "\": ", what...,
                     "; a store is rados://POOL[/NAMESPACE][?conf=FILE][&id=USER]"));
  };
  RadosLocation location;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('?', 1));
  const std::pair<absl::string_view, absl::string_view> place =
      absl::StrSplit(parts.first, absl::MaxSplits('/', 1));
  location.pool = std::string(place.first);
  location.name_space = std::string(place.second);
  if (location.pool.empty()) return error("the pool is missing");
  if (absl::StrContains(parts.first, '/') && location.name_space.empty()) {
    return error("the namespace is empty");
  }
  if (absl::StrContains(location.name_space, '/')) {
    return error("\"", location.name_space, "\" is no namespace: it has a \"/\"");
  }
  std::set<absl::string_view> seen;
  for (const absl::string_view option : absl::StrSplit(parts.second, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(option, absl::MaxSplits('=', 1));
    if (pair.first != "conf" && pair.first != "id") {
      return error("\"", pair.first, "\" is neither conf nor id");
    }
    if (pair.second.empty()) return error("\"", pair.first, "\" has no value");
    if (!seen.insert(pair.first).second) return error("\"", pair.first, "\" is given twice");
    (pair.first == "conf" ? location.conf : location.user) = std::string(pair.second);
  }
  if (absl::StartsWith(location.user, "client.")) {
    return error("id is the user's name without \"client.\"");
  }
  return location;
}

}  // namespace graphfeed
