#include <pybind11/numpy.h>
#include <pybind11/stl.h>

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

namespace py = pybind11;

namespace {

py::array_t<int64_t> ArrayOf(const std::vector<int64_t>& ids) {
  return py::array_t<int64_t>(static_cast<py::ssize_t>(ids.size()), ids.data());
}

std::vector<float> FloatsFrom(const std::string& field, const py::array& values) {
  if (values.ndim() != 1 || values.dtype().kind() != 'f') {
    RaiseInvalidArgument(field + ": labels are floats of one dimension");
  }
  const auto floats =
      py::cast<py::array_t<float, py::array::c_style | py::array::forcecast>>(values);
  return {floats.data(), floats.data() + floats.size()};
}

template <HasFields T>
void SetFields(const std::string& what, const py::dict& fields, T& to);

// Sets `field`, which `path` names in errors. Throws cast_error for what is no value of it.
template <typename T>
void Set(const std::string& path, const char* name, const py::handle& value, T& field) {
  if constexpr (std::is_enum_v<T>) {
    field = ValueOf<T>(name, value.cast<std::string>());
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    field = IdsFrom(path, value.cast<py::array>());
  } else if constexpr (std::is_same_v<T, std::vector<float>>) {
    field = FloatsFrom(path, value.cast<py::array>());
  } else if constexpr (std::is_same_v<T, std::optional<LinkSeeds>>) {
    if (value.is_none()) return;
    if (!py::isinstance<py::dict>(value)) throw py::cast_error("not a dict");
    SetFields(path, py::reinterpret_borrow<py::dict>(value), field.emplace());
  } else {
    field = value.cast<T>();
  }
}

// INVALID_ARGUMENT for keys that are no field and for values that a field cannot take.
template <HasFields T>
void SetFields(const std::string& what, const py::dict& fields, T& to) {
  for (const auto& item : fields) {
    const std::string name = py::str(item.first);
    const py::handle value = item.second;
    const std::string path = absl::StrCat(what, ".", name);
    bool found = false;
    try {
      ForEachField(to, [&](const char* field_name, auto& field) {
        if (name != field_name) return;
        found = true;
        Set(path, field_name, value, field);
      });
    } catch (const py::cast_error&) {
      RaiseInvalidArgument(absl::StrCat(path, " is ", std::string(py::repr(value))));
    }
    if (!found) RaiseInvalidArgument(absl::StrCat(what, " has no field \"", name, "\""));
  }
}

template <HasFields T>
py::dict DictOf(const T& value);

template <typename T>
py::object ToPython(const T& field) {
  if constexpr (std::is_enum_v<T>) {
    return py::str(std::string(NameOf(field)));
  } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
    return ArrayOf(field);
  } else if constexpr (std::is_same_v<T, std::vector<float>>) {
    return py::array_t<float>(static_cast<py::ssize_t>(field.size()), field.data());
  } else if constexpr (std::is_same_v<T, std::map<std::string, std::vector<int64_t>>>) {
    py::dict lists;
    for (const auto& [key, list] : field) lists[py::str(key)] = ArrayOf(list);
    return lists;
  } else if constexpr (std::is_same_v<T, std::optional<LinkSeeds>>) {
    return field.has_value() ? py::object(DictOf(*field)) : py::none();
  } else {
    return py::cast(field);
  }
}

template <HasFields T>
py::dict DictOf(const T& value) {
  py::dict fields;
  ForEachField(value,
               [&fields](const char* name, const auto& field) { fields[name] = ToPython(field); });
  return fields;
}

}  // namespace

std::vector<int64_t> IdsFrom(const std::string& field, const py::array& ids) {
  // An empty list has no integer type of its own.
  const bool is_empty = ids.ndim() == 1 && ids.size() == 0;
  if (ids.ndim() != 1 || (ids.dtype().kind() != 'i' && ids.dtype().kind() != 'u' && !is_empty)) {
    RaiseInvalidArgument(field + ": ids are integers of one dimension");
  }
  const auto values =
      py::cast<py::array_t<int64_t, py::array::c_style | py::array::forcecast>>(ids);
  return {values.data(), values.data() + values.size()};
}

SamplingSpec SamplingFrom(const py::dict& fields) {
  SamplingSpec sampling;
  SetFields("sampling", fields, sampling);
  return sampling;
}

py::dict ToDict(const SamplingSpec& sampling) { return DictOf(sampling); }

}  // namespace graphfeed::python
