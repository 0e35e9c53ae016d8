#include "client/flags/spec_json.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/frame/named_enum.h"
#include "proto/frame/spec_fields.h"
#include "storage/graph/dtype.h"

namespace graphfeed {
namespace {

Json SelectionToJson(const Selection& selection) {
  switch (selection.kind) {
    case Selection::Kind::kAll:
      return "all";
    case Selection::Kind::kRange:
      return absl::StrCat(selection.start, ":", selection.stop);
    case Selection::Kind::kIds:
      return {{"num_graphs", selection.ids.size()}};
  }
  return nullptr;
}

// A visitor that adds fields to an object.
class FieldsToJson {
 public:
  explicit FieldsToJson(Json& json) : json_(json) {}

  template <typename T>
  void operator()(const char* name, const T& value) {
    if constexpr (std::is_enum_v<T>) {
      json_[name] = std::string(FlagOf(value));
    } else {
      json_[name] = value;
    }
  }
  void operator()(const char* name, DType dtype) { json_[name] = std::string(DTypeName(dtype)); }
  void operator()(const char* name, const Selection& selection) {
    json_[name] = SelectionToJson(selection);
  }
  // A number for all types, or one for each.
  void operator()(const char* name, const std::map<std::string, int64_t>& counts) {
    const bool for_all = counts.size() == 1 && counts.begin()->first.empty();
    json_[name] = for_all ? Json(counts.begin()->second) : Json(counts);
  }
  void operator()(const char* name, const std::vector<int64_t>& ids) {
    if (absl::string_view(name) == "sources") json_["num_pairs"] = ids.size();
  }
  void operator()(const char* /*name*/, const std::vector<float>& /*labels*/) {}
  template <HasFields T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (!value.has_value()) return;
    Json fields = Json::object();
    ForEachField(*value, FieldsToJson(fields));
    json_[name] = std::move(fields);
  }

 private:
  Json& json_;
};

}  // namespace

Json ToJson(const BatchSpec& spec) {
  Json json = Json::object();
  ForEachField(spec, FieldsToJson(json));
  return json;
}

}  // namespace graphfeed
