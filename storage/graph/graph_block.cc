#include "storage/graph/graph_block.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace graphfeed {
namespace {

// The shortest text that reads back as the same double.
std::string ShortestText(double value) {
  char buffer[32];
  const std::to_chars_result end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end.ptr);
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
};

}  // namespace

std::string TransformName(const Transform& transform) { return std::visit(Namer(), transform); }

}  // namespace graphfeed
