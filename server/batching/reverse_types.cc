#include "server/batching/reverse_types.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kReversePrefix = "rev_";

// The edge type of the opposite direction whose name says so, or -1.
int NamedReverse(const std::vector<EdgeType>& types, size_t edge_type) {
  const EdgeType& type = types[edge_type];
  const auto find = [&](absl::string_view relation) {
    for (size_t e = 0; e < types.size(); ++e) {
      if (types[e].source == type.target && types[e].relation == relation &&
          types[e].target == type.source) {
        return static_cast<int>(e);
      }
    }
    return -1;
  };
  const absl::string_view relation = type.relation;
  int reverse = -1;
  if (absl::StartsWith(relation, kReversePrefix)) {
    reverse = find(relation.substr(kReversePrefix.size()));
  }
  return reverse >= 0 ? reverse : find(absl::StrCat(kReversePrefix, relation));
}

}  // namespace

std::vector<int> ReverseEdgeTypes(const Schema& schema) {
  const std::vector<EdgeType>& types = schema.edge_types;
  std::vector<int> reverse(types.size(), -1);
  for (size_t e = 0; e < types.size(); ++e) reverse[e] = NamedReverse(types, e);
  const std::vector<int> named = reverse;
  for (size_t e = 0; e < types.size(); ++e) {
    if (named[e] >= 0) continue;
    if (types[e].source == types[e].target) {
      reverse[e] = static_cast<int>(e);
      continue;
    }
    // The only type that leads back, if it is not another one's.
    int back = -1;
    int candidates = 0;
    for (size_t other = 0; other < types.size(); ++other) {
      if (types[other].source != types[e].target || types[other].target != types[e].source)
        continue;
      ++candidates;
      back = static_cast<int>(other);
    }
    if (candidates == 1 && named[back] < 0) reverse[e] = back;
  }
  return reverse;
}

bool HasUnnamedReverse(const Schema& schema, int edge_type) {
  const int reverse = ReverseEdgeTypes(schema)[edge_type];
  return reverse >= 0 && reverse != edge_type &&
         NamedReverse(schema.edge_types, static_cast<size_t>(edge_type)) < 0;
}

}  // namespace graphfeed
