#include "client/python/native/errors.h"

#include "proto/frame/error_details.h"

namespace graphfeed::python {

namespace py = pybind11;

void Raise(const absl::Status& status) {
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  const auto message = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
      status.message().data(), static_cast<Py_ssize_t>(status.message().size()), "replace"));
  const py::object exception = OrWaitForExit([&] {
    return py::object(py::module_::import("graphfeed.errors")
                          .attr("from_status")(absl::StatusCodeToString(status.code()), message,
                                               RequestIdOf(status)));
  });
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
  throw py::error_already_set();
}

void RaiseInvalidArgument(const std::string& message) {
  Raise(absl::InvalidArgumentError(message));
}

}  // namespace graphfeed::python
