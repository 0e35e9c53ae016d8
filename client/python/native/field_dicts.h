#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_FIELD_DICTS_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_FIELD_DICTS_H_

// Values that have fields (proto/frame/spec_fields.h, worker_fields.h) as dicts, both ways: enums
// by their names, lists of numbers as arrays.

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "proto/frame/spec_fields.h"

namespace graphfeed::python {

inline pybind11::array_t<int64_t> ArrayOf(const std::vector<int64_t>& ids) {
  return pybind11::array_t<int64_t>(static_cast<pybind11::ssize_t>(ids.size()), ids.data());
}

template <HasFields T>
void SetFields(const std::string& what, const pybind11::dict& fields, T& to);

// Sets `field`, which `path` names in errors. Throws cast_error for what is no value of it.
template <typename T>
void Set(const std::string& path, const char* name, const pybind11::handle& value, T& field) {
  if constexpr (std::is_enum_v<T>) {
    field = ValueOf<T>(name, value.cast<std::string>());
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    field = IdsFrom(path, value.cast<pybind11::array>());
  } else if constexpr (std::is_same_v<T, std::vector<float>>) {
    field = FloatsFrom(path, value.cast<pybind11::array>());
  } else if constexpr (std::is_same_v<T, std::optional<LinkSeeds>>) {
    if (value.is_none()) return;
    if (!pybind11::isinstance<pybind11::dict>(value)) throw pybind11::cast_error("not a dict");
    SetFields(path, pybind11::reinterpret_borrow<pybind11::dict>(value), field.emplace());
  } else {
    field = value.cast<T>();
  }
}

// INVALID_ARGUMENT for keys that are no field and for values that a field cannot take.
template <HasFields T>
void SetFields(const std::string& what, const pybind11::dict& fields, T& to) {
  for (const auto& item : fields) {
    const std::string name = pybind11::str(item.first);
    const pybind11::handle value = item.second;
    const std::string path = absl::StrCat(what, ".", name);
    bool found = false;
    try {
      ForEachField(to, [&](const char* field_name, auto& field) {
        if (name != field_name) return;
        found = true;
        Set(path, field_name, value, field);
      });
    } catch (const pybind11::cast_error&) {
      RaiseInvalidArgument(absl::StrCat(path, " is ", std::string(pybind11::repr(value))));
    }
    if (!found) RaiseInvalidArgument(absl::StrCat(what, " has no field \"", name, "\""));
  }
}

template <HasFields T>
pybind11::dict DictOf(const T& value);

template <typename T>
pybind11::object ToPython(const T& field) {
  if constexpr (std::is_enum_v<T>) {
    return pybind11::str(std::string(NameOf(field)));
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return ArrayOf(field);
  } else if constexpr (std::is_same_v<T, std::vector<float>>) {
    return pybind11::array_t<float>(static_cast<pybind11::ssize_t>(field.size()), field.data());
  } else if constexpr (std::is_same_v<T, std::map<std::string, std::vector<int64_t>>>) {
    pybind11::dict lists;
    for (const auto& [key, list] : field) lists[pybind11::str(key)] = ArrayOf(list);
    return lists;
  } else if constexpr (std::is_same_v<T, std::optional<LinkSeeds>>) {
    return field.has_value() ? pybind11::object(DictOf(*field)) : pybind11::none();
  } else {
    return pybind11::cast(field);
  }
}

template <HasFields T>
pybind11::dict DictOf(const T& value) {
  pybind11::dict fields;
  ForEachField(value,
               [&fields](const char* name, const auto& field) { fields[name] = ToPython(field); });
  return fields;
}

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_FIELD_DICTS_H_
