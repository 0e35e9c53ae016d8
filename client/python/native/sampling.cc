#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "client/python/native/field_dicts.h"

namespace graphfeed::python {

namespace py = pybind11;

std::vector<float> FloatsFrom(const std::string& field, const py::array& values) {
  if (values.ndim() != 1 || values.dtype().kind() != 'f') {
    RaiseInvalidArgument(field + ": labels are floats of one dimension");
  }
  const auto floats =
      py::cast<py::array_t<float, py::array::c_style | py::array::forcecast>>(values);
  return {floats.data(), floats.data() + floats.size()};
}

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
