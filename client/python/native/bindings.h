#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_BINDINGS_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_BINDINGS_H_

// The parts of the module graphfeed._graphfeed; graphfeed/_graphfeed.pyi is its manual. Lists and
// dicts of bound values are copies: assign whole ones.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/named_enum.h"
#include "proto/frame/worker_report.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/schema.h"

namespace graphfeed::python {

void BindDatasets(pybind11::module_& m);  // what a dataset is
void BindSpecs(pybind11::module_& m);     // what is asked for
void BindBatches(pybind11::module_& m);   // what a stream delivers
void BindIngest(pybind11::module_& m);    // what goes in; before BindClient
void BindClient(pybind11::module_& m);
void BindWorkers(pybind11::module_& m);  // what they report

pybind11::bytes ToBytes(const Fingerprint& fingerprint);
// INVALID_ARGUMENT unless it has 16 bytes.
Fingerprint FingerprintFrom(const std::string& bytes);

// INVALID_ARGUMENT for names that are none.
DType DTypeFrom(const std::string& name);
Level LevelFrom(const std::string& name);

// INVALID_ARGUMENT, naming the field, unless it is an array of integers of one dimension.
std::vector<int64_t> IdsFrom(const std::string& field, const pybind11::array& ids);

// Likewise of floats.
std::vector<float> FloatsFrom(const std::string& field, const pybind11::array& values);

// Sampling as the dict that _graphfeed.pyi describes, both ways. INVALID_ARGUMENT names the field.
pybind11::dict ToDict(const SamplingSpec& sampling);
SamplingSpec SamplingFrom(const pybind11::dict& fields);

// A worker's report of such a dict, and what a server knows of one.
WorkerReport WorkerReportFrom(const pybind11::dict& fields);
pybind11::dict ToDict(const WorkerStatus& status);

[[noreturn]] void RaiseUnknownName(const char* field, const std::string& name,
                                   const std::string& known);

// The value of an enum with this name. INVALID_ARGUMENT lists the names.
template <typename E>
E ValueOf(const char* field, const std::string& name) {
  if (const std::optional<E> value = FromName<E>(name)) return *value;
  RaiseUnknownName(field, name, absl::StrJoin(Names<E>(), ", "));
}

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_BINDINGS_H_
