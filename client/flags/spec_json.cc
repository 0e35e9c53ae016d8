#include "client/flags/spec_json.h"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "proto/frame/named_enum.h"
#include "proto/frame/spec_fields.h"
#include "storage/base/status_macros.h"
#include "storage/graph/dtype.h"

namespace graphfeed {
namespace {

Json SelectionToJson(const Selection& selection, SpecIds ids) {
  switch (selection.kind) {
    case Selection::Kind::kAll:
      return "all";
    case Selection::Kind::kRange:
      return absl::StrCat(selection.start, ":", selection.stop);
    case Selection::Kind::kIds:
      if (ids == SpecIds::kCounted) return {{"num_graphs", selection.ids.size()}};
      if (selection.batch_sizes.empty()) return selection.ids;
      return {{"ids", selection.ids}, {"batch_sizes", selection.batch_sizes}};
  }
  return nullptr;
}

// A visitor that adds fields to an object.
class FieldsToJson {
 public:
  FieldsToJson(SpecIds ids, Json& json) : ids_(ids), json_(json) {}

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
    json_[name] = SelectionToJson(selection, ids_);
  }
  // A number for all types, or one for each.
  void operator()(const char* name, const std::map<std::string, int64_t>& counts) {
    const bool for_all = counts.size() == 1 && counts.begin()->first.empty();
    json_[name] = for_all ? Json(counts.begin()->second) : Json(counts);
  }
  void operator()(const char* name, const std::vector<int64_t>& ids) {
    if (ids_ == SpecIds::kWritten) {
      json_[name] = ids;
    } else if (absl::string_view(name) == "sources") {
      json_["num_pairs"] = ids.size();
    }
  }
  void operator()(const char* name, const std::vector<float>& labels) {
    if (ids_ == SpecIds::kWritten) json_[name] = labels;
  }
  template <HasFields T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (!value.has_value()) return;
    Json fields = Json::object();
    ForEachField(*value, FieldsToJson(ids_, fields));
    json_[name] = std::move(fields);
  }

 private:
  const SpecIds ids_;
  Json& json_;
};

// One value of an object, with its name for errors.
class Value {
 public:
  Value(std::string name, const Json& json) : name_(std::move(name)), json_(json) {}

  absl::Status Read(bool& value) const {
    if (!json_.is_boolean()) return Not("true or false");
    value = json_.get<bool>();
    return absl::OkStatus();
  }
  absl::Status Read(std::string& value) const {
    if (!json_.is_string()) return Not("a string");
    value = json_.get<std::string>();
    return absl::OkStatus();
  }
  template <typename T>
  absl::Status Read(T& value) const requires std::is_arithmetic_v<T> {
    if constexpr (std::is_floating_point_v<T>) {
      if (!json_.is_number()) return Not("a number");
    } else {
      const bool beyond = json_.is_number_unsigned() &&
                          json_.get<uint64_t>() > uint64_t{std::numeric_limits<T>::max()};
      const bool below =
          !json_.is_number_unsigned() && json_.is_number_integer() && std::is_unsigned_v<T>;
      if (!json_.is_number_integer() || beyond || below) {
        return Not(absl::StrCat("a whole number up to ", std::numeric_limits<T>::max()));
      }
    }
    value = json_.get<T>();
    return absl::OkStatus();
  }
  template <typename E>
  absl::Status Read(E& value) const requires std::is_enum_v<E> {
    std::string text;
    GF_RETURN_IF_ERROR(Read(text));
    const std::optional<E> found = FromFlag<E>(text);
    if (!found.has_value()) return Not(absl::StrCat("one of ", absl::StrJoin(Flags<E>(), ", ")));
    value = *found;
    return absl::OkStatus();
  }
  absl::Status Read(DType& value) const {
    std::string text;
    GF_RETURN_IF_ERROR(Read(text));
    const std::optional<DType> found = ParseDType(text);
    if (!found.has_value()) return Not("a dtype");
    value = *found;
    return absl::OkStatus();
  }
  template <typename T>
  absl::Status Read(std::vector<T>& values) const {
    if (!json_.is_array()) return Not("a list");
    values.clear();
    values.reserve(json_.size());
    for (const Json& item : json_) {
      T value{};
      GF_RETURN_IF_ERROR(Value(absl::StrCat(name_, "[", values.size(), "]"), item).Read(value));
      values.push_back(std::move(value));
    }
    return absl::OkStatus();
  }
  // A value for all types, or one for each.
  template <typename T>
  absl::Status Read(std::map<std::string, T>& values) const {
    values.clear();
    if (!json_.is_object()) return Read(values[""]);
    for (const auto& [key, item] : json_.items()) {
      GF_RETURN_IF_ERROR(Value(absl::StrCat(name_, ".", key), item).Read(values[key]));
    }
    return absl::OkStatus();
  }
  absl::Status Read(Selection& selection) const {
    selection = Selection();
    if (json_.is_array()) {
      selection.kind = Selection::Kind::kIds;
      return Read(selection.ids);
    }
    if (json_.is_object()) {
      if (!json_.contains("ids")) return Not("\"all\", \"START:STOP\", or a list of ids");
      selection.kind = Selection::Kind::kIds;
      for (const auto& [key, item] : json_.items()) {
        const Value part(absl::StrCat(name_, ".", key), item);
        if (key == "ids") {
          GF_RETURN_IF_ERROR(part.Read(selection.ids));
        } else if (key == "batch_sizes") {
          GF_RETURN_IF_ERROR(part.Read(selection.batch_sizes));
        } else {
          return part.NoSuchField();
        }
      }
      return absl::OkStatus();
    }
    if (json_ == "all") return absl::OkStatus();
    selection.kind = Selection::Kind::kRange;
    const std::string text = json_.is_string() ? json_.get<std::string>() : "";
    const size_t colon = text.find(':');
    if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(0, colon), &selection.start) ||
        !absl::SimpleAtoi(text.substr(colon + 1), &selection.stop)) {
      return Not("\"all\", \"START:STOP\", or a list of ids");
    }
    return absl::OkStatus();
  }
  template <HasFields T>
  absl::Status Read(std::optional<T>& value) const {
    if (json_.is_null()) return absl::OkStatus();
    return ReadFields(value.emplace());
  }
  template <HasFields T>
  absl::Status ReadFields(T& value) const {
    if (!json_.is_object()) return Not("an object");
    std::set<std::string> known;
    absl::Status status;
    ForEachField(value, [&](const char* field, auto& to) {
      known.insert(field);
      const auto found = json_.find(field);
      if (!status.ok() || found == json_.end()) return;
      status = Value(Below(field), *found).Read(to);
    });
    GF_RETURN_IF_ERROR(status);
    for (const auto& [key, item] : json_.items()) {
      if (known.count(key) == 0) return Value(Below(key), item).NoSuchField();
    }
    return absl::OkStatus();
  }

  absl::Status NoSuchField() const {
    return absl::InvalidArgumentError(absl::StrCat("the spec has no field ", name_));
  }

 private:
  std::string Below(absl::string_view field) const {
    return name_.empty() ? std::string(field) : absl::StrCat(name_, ".", field);
  }
  absl::Status Not(absl::string_view what) const {
    std::string shown = json_.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (shown.size() > 60) shown = absl::StrCat(shown.substr(0, 57), "...");
    return absl::InvalidArgumentError(
        absl::StrCat(name_.empty() ? "the spec" : name_, " is ", shown, ": not ", what));
  }

  const std::string name_;
  const Json& json_;
};

}  // namespace

Json ToJson(const BatchSpec& spec, SpecIds ids) {
  Json json = Json::object();
  ForEachField(spec, FieldsToJson(ids, json));
  return json;
}

absl::StatusOr<BatchSpec> SpecFromJson(const Json& json) {
  BatchSpec spec;
  GF_RETURN_IF_ERROR(Value("", json).ReadFields(spec));
  return spec;
}

}  // namespace graphfeed
