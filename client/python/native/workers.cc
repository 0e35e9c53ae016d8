#include <pybind11/numpy.h>

#include "client/python/native/bindings.h"
#include "client/python/native/field_dicts.h"
#include "proto/frame/worker_fields.h"

namespace graphfeed::python {

namespace py = pybind11;

WorkerReport WorkerReportFrom(const py::dict& fields) {
  WorkerReport report;
  SetFields("report", fields, report);
  return report;
}

py::dict ToDict(const WorkerStatus& status) {
  py::dict fields = DictOf(status.report);
  fields["age_ms"] = status.age_ms;
  fields["gone"] = status.gone;
  fields["steps_per_second"] = status.steps_per_second;
  fields["data_stall_share"] = status.data_stall_share;
  return fields;
}

void BindWorkers(py::module_& m) {
  py::tuple bounds(kStepSecondsBounds.size());
  for (size_t i = 0; i < kStepSecondsBounds.size(); ++i) bounds[i] = kStepSecondsBounds[i];
  m.attr("STEP_SECONDS_BOUNDS") = bounds;
}

}  // namespace graphfeed::python
