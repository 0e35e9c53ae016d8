#include "storage/transforms/transforms.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/transforms/transformer.h"

namespace graphfeed {
namespace {

// "a=1" of "name(a=1)": key and value.
struct Option {
  absl::string_view key;
  absl::string_view value;
};

absl::StatusOr<Transform> MakeTransform(absl::string_view name, std::optional<Option> option) {
  const auto unknown_option = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("transform ", name, " has no option ", option->key));
  };
  if (name == "normalize_features") {
    NormalizeFeatures transform;
    if (option.has_value()) {
      if (option->key != "columns") return unknown_option();
      transform.columns = absl::StrSplit(option->value, ',', absl::SkipWhitespace());
      for (std::string& column : transform.columns) absl::StripAsciiWhitespace(&column);
      if (transform.columns.empty()) {
        return absl::InvalidArgumentError("normalize_features(columns=) names no column");
      }
    }
    return transform;
  }
  if (name == "add_self_loops") {
    AddSelfLoops transform;
    if (option.has_value()) {
      if (option->key != "fill_value") return unknown_option();
      if (!absl::SimpleAtod(option->value, &transform.fill_value)) {
        return absl::InvalidArgumentError(
            absl::StrCat("add_self_loops: fill_value is no number: '", option->value, "'"));
      }
    }
    return transform;
  }
  if (name == "to_undirected" || name == "remove_isolated_nodes") {
    if (option.has_value()) return unknown_option();
    if (name == "to_undirected") return ToUndirected{};
    return RemoveIsolatedNodes{};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown transform '", name,
                   "'; there are normalize_features, add_self_loops, to_undirected, "
                   "remove_isolated_nodes and subgraph"));
}

// "movie=:1000;actor=3,1,2", or one subset without a type.
absl::StatusOr<Transform> ParseSubgraph(absl::string_view text) {
  const auto unreadable = [&](absl::string_view part) {
    return absl::InvalidArgumentError(
        absl::StrCat("subgraph: '", part, "' is not :COUNT, a,b,c, TYPE=:COUNT or TYPE=a,b,c"));
  };
  InducedSubgraph transform;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const size_t equals = part.rfind('=');
    const bool typed = equals != absl::string_view::npos;
    const std::string type(typed ? absl::StripAsciiWhitespace(part.substr(0, equals)) : "");
    absl::string_view nodes = absl::StripAsciiWhitespace(typed ? part.substr(equals + 1) : part);
    NodeSubset subset;
    if (absl::ConsumePrefix(&nodes, ":")) {
      int64_t leading = 0;
      if (!absl::SimpleAtoi(nodes, &leading) || leading < 0) return unreadable(part);
      subset.leading = leading;
    } else {
      for (const absl::string_view id : absl::StrSplit(nodes, ',')) {
        if (!absl::SimpleAtoi(id, &subset.ids.emplace_back())) return unreadable(part);
      }
    }
    if (!transform.nodes.emplace(type, std::move(subset)).second) {
      return absl::InvalidArgumentError(absl::StrCat("subgraph: type '", type, "' occurs twice"));
    }
  }
  return transform;
}

absl::Status AddReverseTypes(Schema& types) {
  const size_t num_types = types.edge_types.size();
  for (size_t t = 0; t < num_types; ++t) {
    const EdgeType& type = types.edge_types[t];
    if (type.source == type.target) continue;
    const EdgeType reverse = ReverseOf(type);
    if (std::find(types.edge_types.begin(), types.edge_types.end(), reverse) !=
        types.edge_types.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("to_undirected: edge type ", types.node_types[reverse.source], "|",
                       reverse.relation, "|", types.node_types[reverse.target], " exists already"));
    }
    types.edge_types.push_back(reverse);
  }
  return absl::OkStatus();
}

absl::Status CheckSubgraph(const InducedSubgraph& transform, const Schema& types) {
  if (types.collection) {
    return absl::InvalidArgumentError(
        "subgraph names nodes of a single graph; the dataset is a collection");
  }
  if (transform.nodes.empty()) return absl::InvalidArgumentError("subgraph names no nodes");
  const std::vector<std::string>& names = types.node_types;
  for (const auto& [name, subset] : transform.nodes) {
    if (name.empty() && (names.size() > 1 || transform.nodes.size() > 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("subgraph names no node type; there are ", absl::StrJoin(names, ", ")));
    }
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
      return absl::InvalidArgumentError(absl::StrCat("subgraph: there is no node type \"", name,
                                                     "\"; there are ", absl::StrJoin(names, ", ")));
    }
    if (subset.leading.has_value() && (*subset.leading < 0 || !subset.ids.empty())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "subgraph: ", *subset.leading, " leading nodes; at least 0, and not together with ids"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

EdgeType ReverseOf(const EdgeType& type) {
  return {.source = type.target,
          .relation = absl::StrCat("rev_", type.relation),
          .target = type.source};
}

absl::StatusOr<Schema> TransformedTypes(absl::Span<const Transform> transforms,
                                        const Schema& types) {
  Schema result = types;
  for (const Transform& transform : transforms) {
    if (std::holds_alternative<ToUndirected>(transform)) {
      GF_RETURN_IF_ERROR(AddReverseTypes(result));
    } else if (const auto* subgraph = std::get_if<InducedSubgraph>(&transform)) {
      GF_RETURN_IF_ERROR(CheckSubgraph(*subgraph, result));
    }
  }
  return result;
}

absl::Status ApplyTransforms(absl::Span<const Transform> transforms, const Schema& types,
                             GraphBlock& block) {
  if (transforms.empty()) return absl::OkStatus();
  GF_RETURN_IF_ERROR(TransformedTypes(transforms, types).status());
  Transformer transformer(types, block);
  GF_RETURN_IF_ERROR(transformer.Init());
  for (const Transform& transform : transforms) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_RETURN_IF_ERROR(std::visit([&](const auto& t) { return transformer.Apply(t); }, transform));
  }
  return absl::OkStatus();
}

absl::Status ApplyTransforms(absl::Span<const Transform> transforms, GraphBlock& block) {
  return ApplyTransforms(transforms, Schema::Homogeneous(/*collection=*/true), block);
}

int64_t TransformBytes(absl::Span<const Transform> transforms, const Schema& types,
                       const GraphBlock& block) {
  // Of a node: its new id and its place, twice. Of an edge: ends, place, and as much for its
  // reverse.
  constexpr int64_t kNodeBytes = 32;
  constexpr int64_t kEdgeBytes = 48;
  __int128 bytes = 0;
  const auto sum = [](const std::vector<int64_t>& sizes) {
    __int128 total = 0;
    for (const int64_t size : sizes) total += size;
    return total;
  };
  for (const Transform& transform : transforms) {
    if (std::holds_alternative<NormalizeFeatures>(transform)) continue;
    for (const std::vector<int64_t>& sizes : block.num_nodes) bytes += sum(sizes) * kNodeBytes;
    for (const std::vector<int64_t>& sizes : block.num_edges) bytes += sum(sizes) * kEdgeBytes;
    if (!std::holds_alternative<AddSelfLoops>(transform)) continue;
    for (const ColumnBlock& column : block.columns) {
      const auto type = static_cast<size_t>(types.heterogeneous ? column.type : 0);
      const bool may_be_edges =
          !types.heterogeneous || column.level.value_or(Level::kEdge) == Level::kEdge;
      if (!may_be_edges || type >= types.edge_types.size() || column.dtype == DType::kString) {
        continue;
      }
      // A level that is not declared is that of the sizes: rows of nodes are no rows of edges.
      if (!column.level.has_value() && column.name != "edge_index" &&
          column.sizes == block.num_nodes[0] && column.sizes != block.num_edges[0]) {
        continue;
      }
      __int128 row_bytes = static_cast<int64_t>(SizeOf(column.dtype));
      for (const int64_t dim : column.row_shape) row_bytes *= dim;
      bytes += row_bytes * sum(block.num_nodes[types.edge_types[type].source]);
    }
  }
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return bytes > kMax ? kMax : static_cast<int64_t>(bytes);
}

absl::StatusOr<Transform> ParseTransform(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const size_t open = text.find('(');
  if (open == absl::string_view::npos) return MakeTransform(text, std::nullopt);
  if (text.back() != ')') {
    return absl::InvalidArgumentError(absl::StrCat("transform '", text, "' lacks its ')'"));
  }
  const absl::string_view name = text.substr(0, open);
  const absl::string_view inside =
      absl::StripAsciiWhitespace(text.substr(open + 1, text.size() - open - 2));
  if (name == "subgraph") return ParseSubgraph(inside);
  if (inside.empty()) return MakeTransform(name, std::nullopt);
  const size_t equals = inside.find('=');
  if (equals == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("transform '", text, "': options are written name=value"));
  }
  return MakeTransform(name, Option{absl::StripAsciiWhitespace(inside.substr(0, equals)),
                                    absl::StripAsciiWhitespace(inside.substr(equals + 1))});
}

}  // namespace graphfeed
