#include "storage/transforms.h"

#include <optional>
#include <string>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/graph/status_macros.h"
#include "storage/transformer.h"

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
                   "'; there are normalize_features, add_self_loops, to_undirected and "
                   "remove_isolated_nodes"));
}

}  // namespace

absl::Status ApplyTransforms(absl::Span<const Transform> transforms, GraphBlock& block) {
  if (transforms.empty()) return absl::OkStatus();
  Transformer transformer(block);
  GF_RETURN_IF_ERROR(transformer.Init());
  for (const Transform& transform : transforms) {
    GF_RETURN_IF_ERROR(std::visit([&](const auto& t) { return transformer.Apply(t); }, transform));
  }
  return absl::OkStatus();
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
