#include "storage/graph/graph_block.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace graphfeed {
namespace {

// The shortest text that reads back as the same double.
std::string ShortestText(double value) {
  char buffer[32];
  const std::to_chars_result end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end.ptr);
}

std::string SubsetText(const NodeSubset& subset) {
  constexpr size_t kMaxShown = 32;
  if (subset.leading.has_value()) return absl::StrCat(":", *subset.leading);
  const size_t shown = std::min(subset.ids.size(), kMaxShown);
  std::string text = absl::StrJoin(absl::MakeConstSpan(subset.ids).subspan(0, shown), ",");
  if (shown < subset.ids.size()) absl::StrAppend(&text, ",...:", subset.ids.size(), " ids");
  return text;
}

struct Namer {
  std::string operator()(const NormalizeFeatures& t) const {
    return absl::StrCat("normalize_features(columns=", absl::StrJoin(t.columns, ","), ")");
  }
  std::string operator()(const AddSelfLoops& t) const {
    return absl::StrCat("add_self_loops(fill_value=", ShortestText(t.fill_value), ")");
  }
  std::string operator()(const ToUndirected&) const { return "to_undirected()"; }
  std::string operator()(const RemoveIsolatedNodes&) const { return "remove_isolated_nodes()"; }
  std::string operator()(const InducedSubgraph& t) const {
    std::string text = "subgraph(";
    for (const auto& [type, subset] : t.nodes) {
      if (text.back() != '(') text += ';';
      if (!type.empty()) absl::StrAppend(&text, type, "=");
      absl::StrAppend(&text, SubsetText(subset));
    }
    return text + ")";
  }
};

}  // namespace

std::string TransformName(const Transform& transform) { return std::visit(Namer(), transform); }

}  // namespace graphfeed
