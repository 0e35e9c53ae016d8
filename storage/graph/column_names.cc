#include "storage/graph/column_names.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kNodeNames[] = {"x",         "pos",       "z",        "feat",
                                            "node_type", "node_attr", "node_feat"};
constexpr absl::string_view kEdgeNames[] = {"edge_attr", "edge_weight", "edge_type", "edge_feat"};

template <typename Names>
bool IsOneOf(absl::string_view name, const Names& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

bool NameSaysIndex(absl::string_view name) {
  return absl::StrContains(name, "index") || name == "face";
}

bool HoldsNodeIds(absl::string_view name, bool heterogeneous, bool single_values) {
  return heterogeneous || !single_values || name == "face";
}

bool NameSaysEdge(absl::string_view name) { return absl::StrContains(name, "edge"); }

bool NameCountsNodes(absl::string_view name) {
  static constexpr absl::string_view kNames[] = {"x", "feat", "pos", "node_type", "n_id"};
  return IsOneOf(name, kNames) || absl::StrContains(name, "node");
}

bool NameMeansNodes(absl::string_view name) { return IsOneOf(name, kNodeNames); }

bool NameMeansEdges(absl::string_view name) { return IsOneOf(name, kEdgeNames); }

std::string NameContradiction(const ColumnRows& column) {
  const bool fits_any = column.fits_nodes || column.fits_edges || column.one_each;
  const auto has = [&] { return absl::StrCat("it has ", column.rows, " rows for "); };
  if (NameMeansNodes(column.name) && !column.fits_nodes) {
    return absl::StrCat("by its name it belongs to the nodes, but ", has(), column.nodes, " nodes");
  }
  if (NameMeansEdges(column.name) && !column.fits_edges) {
    return absl::StrCat("by its name it belongs to the edges, but ", has(), column.edges, " edges");
  }
  const bool mask = absl::EndsWith(column.name, "_mask");
  if ((mask || (column.name == "y" && !column.collection)) && !fits_any) {
    return absl::StrCat("by its name it belongs to the nodes", mask ? " or edges" : "", ", but ",
                        has(), column.nodes, " nodes and ", column.edges, " edges");
  }
  return "";
}

}  // namespace graphfeed
