#include "client/python/native/bindings.h"

PYBIND11_MODULE(_graphfeed, m) {
  m.doc() = "The native half of graphfeed; see _graphfeed.pyi.";
  m.attr("__version__") = GRAPHFEED_VERSION;
  graphfeed::python::BindDatasets(m);
  graphfeed::python::BindSpecs(m);
  graphfeed::python::BindBatches(m);
  graphfeed::python::BindIngest(m);
  graphfeed::python::BindClient(m);
  graphfeed::python::BindWorkers(m);
}
