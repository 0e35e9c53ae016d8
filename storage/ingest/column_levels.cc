#include "storage/ingest/column_levels.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"

namespace graphfeed {
namespace {

bool NameSaysNode(absl::string_view name) {
  return NameMeansNodes(name) || name == "batch" || absl::StrContains(name, "node");
}

std::string HowToDeclare(absl::string_view name, Level level) {
  return absl::StrCat("declare it, for example kinds={\"", name, "\": \"", LevelName(level), "\"}");
}

std::string Describe(const RowCount& count) {
  return absl::StrCat("graph ", count.graph, " has ", count.rows, " rows (", count.nodes,
                      " nodes, ", count.edges, " edges)");
}

std::string WayOut(const LevelQuestion& question) {
  if (question.strings) return "a list of strings of other lengths cannot be stored";
  return absl::StrCat("if it is a list of the graph's, of any length, ",
                      HowToDeclare(question.name, Level::kGraph));
}

absl::Status FitsNothing(const LevelQuestion& question, const LevelEvidence& evidence) {
  return absl::InvalidArgumentError(absl::StrCat(
      "column \"", question.name, "\" fits no level: ", Describe(evidence.first()), ", ",
      Describe(*evidence.against_graph()),
      "; a node-level column has one row per node, an edge-level one one per edge; correct it, or ",
      WayOut(question)));
}

// Of a column that fits no level in all graphs, but nodes or edges in most.
absl::Status NearlyFits(const LevelQuestion& question, const LevelEvidence& evidence, bool node) {
  return absl::InvalidArgumentError(absl::StrCat(
      "column \"", question.name, "\" has one row for each ", node ? "node" : "edge", " in ",
      node ? evidence.num_like_nodes() : evidence.num_like_edges(), " of ", evidence.num_graphs(),
      " graphs, but ", Describe(node ? *evidence.against_node() : *evidence.against_edge()),
      "; correct it, or ", WayOut(question)));
}

absl::Status Ambiguous(const LevelQuestion& question, bool node, bool edge) {
  const absl::string_view one = node && edge ? "node and one edge" : node ? "node" : "edge";
  return absl::InvalidArgumentError(absl::StrCat(
      "column \"", question.name, "\" is ambiguous: every graph has one row, one ", one,
      ", so it could belong to that or to the graph; ",
      HowToDeclare(question.name, node ? Level::kNode : Level::kEdge), " or \"graph\""));
}

}  // namespace

void LevelEvidence::Add(const RowCount& count) {
  if (!first_) first_ = count;
  ++num_graphs_;
  if (count.rows > 0 && count.rows == count.nodes) ++num_like_nodes_;
  if (count.rows > 0 && count.rows == count.edges) ++num_like_edges_;
  if (!against_node_ && count.rows != count.nodes) against_node_ = count;
  if (!against_edge_ && count.rows != count.edges) against_edge_ = count;
  if (!against_graph_ && count.rows != first_->rows) against_graph_ = count;
  one_node_ = one_node_ && count.nodes == 1;
  one_edge_ = one_edge_ && count.edges == 1;
}

bool MayVary(const LevelQuestion& question) {
  if (!question.collection || question.scalar || question.strings) return false;
  if (question.declared) return *question.declared == Level::kGraph;
  return !NameSaysNode(question.name) && !NameSaysEdge(question.name) && question.name != "y";
}

absl::Status CheckLevel(const LevelQuestion& question, Level level, const LevelEvidence& evidence) {
  if (level == Level::kGraph && MayVary(question)) return absl::OkStatus();
  const std::optional<RowCount>& against = level == Level::kNode   ? evidence.against_node()
                                           : level == Level::kEdge ? evidence.against_edge()
                                                                   : evidence.against_graph();
  if (!against) return absl::OkStatus();
  std::string expected;
  if (level == Level::kNode) {
    expected = absl::StrCat(" and ", against->nodes, " nodes");
  } else if (level == Level::kEdge) {
    expected = absl::StrCat(" and ", against->edges, " edges");
  } else {
    expected =
        absl::StrCat(" where graph ", evidence.first().graph, " has ", evidence.first().rows);
  }
  const std::string where =
      question.collection ? absl::StrCat("graph ", against->graph) : std::string("the graph");
  return absl::InvalidArgumentError(absl::StrCat("column \"", question.name, "\" is ",
                                                 LevelName(level), " level, but ", where, " has ",
                                                 against->rows, " rows", expected));
}

absl::Status CheckName(const LevelQuestion& question, const LevelEvidence& evidence) {
  if (question.declared || question.scalar) return absl::OkStatus();
  const RowCount& shown = evidence.against_node()   ? *evidence.against_node()
                          : evidence.against_edge() ? *evidence.against_edge()
                                                    : evidence.first();
  const RowCount& count =
      NameMeansEdges(question.name) && evidence.against_edge() ? *evidence.against_edge() : shown;
  const bool edge = !evidence.against_edge();
  const std::string contradiction =
      NameContradiction({.name = question.name,
                         .collection = question.collection,
                         .rows = count.rows,
                         .nodes = count.nodes,
                         .edges = count.edges,
                         .fits_nodes = !evidence.against_node(),
                         .fits_edges = edge,
                         .one_each = !evidence.against_graph() && evidence.first().rows == 1});
  if (contradiction.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(question.collection ? absl::StrCat("graph ", count.graph, ", column \"")
                                       : std::string("column \""),
                   question.name, "\": ", contradiction, "; correct it, or if it was meant ",
                   HowToDeclare(question.name, edge ? Level::kEdge : Level::kGraph)));
}

absl::StatusOr<Level> DecideLevel(const LevelQuestion& question, const LevelEvidence& evidence) {
  if (question.scalar && question.declared.value_or(Level::kGraph) != Level::kGraph) {
    return absl::InvalidArgumentError(
        absl::StrCat("column \"", question.name, "\" is declared ", LevelName(*question.declared),
                     " level, but holds one number per graph, which is graph level"));
  }
  if (question.declared || question.scalar) {
    const Level level = question.declared.value_or(Level::kGraph);
    if (absl::Status status = CheckLevel(question, level, evidence); !status.ok()) return status;
    return level;
  }

  GF_RETURN_IF_ERROR(CheckName(question, evidence));
  const bool node = !evidence.against_node();
  const bool edge = !evidence.against_edge();
  if (!question.collection) {
    if (node && edge) return NameSaysEdge(question.name) ? Level::kEdge : Level::kNode;
    return node ? Level::kNode : edge ? Level::kEdge : Level::kGraph;
  }
  if (!node && !edge) {
    if (!evidence.against_graph()) return Level::kGraph;
    for (const bool nodes : {true, false}) {
      const int64_t like = nodes ? evidence.num_like_nodes() : evidence.num_like_edges();
      if (2 * like >= evidence.num_graphs()) return NearlyFits(question, evidence, nodes);
    }
    if (!MayVary(question)) return FitsNothing(question, evidence);
    return Level::kGraph;
  }
  const bool size_tells = evidence.against_graph() ||
                          (node && !evidence.every_graph_has_one_node()) ||
                          (edge && !evidence.every_graph_has_one_edge());
  if (size_tells) {
    if (node && edge) return NameSaysEdge(question.name) ? Level::kEdge : Level::kNode;
    return node ? Level::kNode : Level::kEdge;
  }
  if (edge && NameSaysEdge(question.name)) return Level::kEdge;
  if (node && NameSaysNode(question.name)) return Level::kNode;
  if (question.name == "y") return Level::kGraph;
  return Ambiguous(question, node, edge);
}

std::vector<int> IndexTypes(const Schema& schema, Level level, int type, absl::string_view name,
                            DType dtype) {
  if (!IsInteger(dtype)) return {};
  if (name == "edge_index") {
    return {schema.edge_types[type].source, schema.edge_types[type].target};
  }
  if (!NameSaysIndex(name)) return {};
  if (!schema.heterogeneous) return {0};
  return level == Level::kNode ? std::vector<int>{type} : std::vector<int>{};
}

}  // namespace graphfeed
