#include "client/worker/model_interface.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/flags/json.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status Wrong(absl::string_view field, const Json& value, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("graphfeed.json of the model: ", field, " is ",
                   value.dump(-1, ' ', false, Json::error_handler_t::replace), ": not ", what));
}

absl::StatusOr<std::vector<int64_t>> ReadShape(const std::string& field, const Json& json) {
  if (!json.is_array()) return Wrong(field, json, "a list of sizes");
  std::vector<int64_t> shape;
  for (const Json& size : json) {
    if (!size.is_null() && !(size.is_number_integer() && size >= -1)) {
      return Wrong(field, json, "a list of sizes, null for any");
    }
    shape.push_back(size.is_null() ? -1 : size.get<int64_t>());
  }
  return shape;
}

absl::StatusOr<ModelTensor> ReadTensor(const std::string& field, const Json& json) {
  if (!json.is_object()) return Wrong(field, json, "an object");
  ModelTensor tensor;
  for (const auto& [key, value] : json.items()) {
    const std::string name = absl::StrCat(field, ".", key);
    if (value.is_null()) continue;
    if (key == "optional") {
      if (!value.is_boolean()) return Wrong(name, value, "true or false");
      tensor.optional = value.get<bool>();
    } else if (key == "shape") {
      GF_ASSIGN_OR_RETURN(tensor.shape, ReadShape(name, value));
    } else if (!value.is_string()) {
      return Wrong(name, value, "a string");
    } else if (key == "name") {
      tensor.name = value.get<std::string>();
    } else if (key == "dtype") {
      tensor.dtype = ParseDType(value.get<std::string>());
      if (!tensor.dtype.has_value()) return Wrong(name, value, "a dtype");
    } else if (key == "axis") {
      tensor.axis = value.get<std::string>();
      if (tensor.axis != "graphs" && tensor.axis != "nodes") {
        return Wrong(name, value, "graphs or nodes");
      }
    } else if (key == "store") {
      tensor.store = value.get<std::string>();
    }
  }
  if (tensor.name.empty()) return Wrong(field, json, "a tensor with a name");
  return tensor;
}

absl::Status ReadTensors(const char* field, const Json& json, std::vector<ModelTensor>& tensors) {
  const auto found = json.find(field);
  if (found == json.end()) return absl::OkStatus();
  if (!found->is_array()) return Wrong(field, *found, "a list");
  for (const Json& item : *found) {
    GF_ASSIGN_OR_RETURN(ModelTensor tensor,
                        ReadTensor(absl::StrCat(field, "[", tensors.size(), "]"), item));
    tensors.push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelInterface> ParseModelInterface(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("graphfeed.json of the model is no JSON object");
  }
  ModelInterface interface;
  GF_RETURN_IF_ERROR(ReadTensors("inputs", json, interface.inputs));
  GF_RETURN_IF_ERROR(ReadTensors("outputs", json, interface.outputs));
  const auto groups = json.find("param_groups");
  if (groups == json.end() || groups->is_null()) return interface;
  if (!groups->is_array()) return Wrong("param_groups", *groups, "a list");
  for (const Json& group : *groups) {
    const std::string field = absl::StrCat("param_groups[", interface.groups.size(), "]");
    if (!group.is_object() || !group.contains("prefix") || !group["prefix"].is_string() ||
        !group.contains("weight_decay") || !group["weight_decay"].is_number()) {
      return Wrong(field, group, "a prefix and a weight_decay");
    }
    interface.groups.push_back(
        {group["prefix"].get<std::string>(), group["weight_decay"].get<double>()});
  }
  return interface;
}

}  // namespace graphfeed
