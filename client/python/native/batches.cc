#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/plan_comparison.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "client/python/native/handles.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

py::dtype NumpyType(DType dtype) {
  using Npy = py::detail::npy_api;
  constexpr int kNpyHalf = 23;  // NPY_HALF, which pybind11 does not name
  switch (dtype) {
    case DType::kBool:
      return py::dtype(Npy::NPY_BOOL_);
    case DType::kUint8:
      return py::dtype(Npy::NPY_UINT8_);
    case DType::kInt8:
      return py::dtype(Npy::NPY_INT8_);
    case DType::kInt16:
      return py::dtype(Npy::NPY_INT16_);
    case DType::kInt32:
      return py::dtype(Npy::NPY_INT32_);
    case DType::kInt64:
      return py::dtype(Npy::NPY_INT64_);
    case DType::kFloat16:
      return py::dtype(kNpyHalf);
    case DType::kFloat32:
      return py::dtype(Npy::NPY_FLOAT_);
    case DType::kFloat64:
      return py::dtype(Npy::NPY_DOUBLE_);
    case DType::kString:
      break;
  }
  RaiseInvalidArgument("a batch has no strings");
}

// The array's base is the Python batch, so the buffer lives as long as any of its arrays.
py::array ArrayOf(const py::object& self, size_t index) {
  const Batch& batch = self.cast<const BatchHandle&>().get();
  if (index >= batch.layout().tensors.size()) {
    throw py::index_error("tensor " + std::to_string(index) + " of " +
                          std::to_string(batch.layout().tensors.size()));
  }
  const TensorView view = batch.tensor(index);
  constexpr size_t kMostDims = 32;  // of numpy before 2
  if (view.shape.size() > kMostDims) {
    Raise(absl::DataLossError(
        absl::StrCat("the server's tensor ", batch.layout().tensors[index].name, " has ",
                     view.shape.size(), " dimensions; numpy has at most 32")));
  }
  return py::array(NumpyType(view.dtype),
                   std::vector<py::ssize_t>(view.shape.begin(), view.shape.end()), {}, view.data,
                   self);
}

// None where they were not asked for.
py::object GraphIdsOf(const FrameInfo& info) {
  if (info.graph_ids.empty()) return py::none();
  py::list arrays;
  for (const std::vector<int64_t>& ids : info.graph_ids) {
    arrays.append(py::array_t<int64_t>(static_cast<py::ssize_t>(ids.size()), ids.data()));
  }
  return arrays;
}

void BindValues(py::module_& m) {
  py::class_<Counts>(m, "Counts")
      .def_readonly("graphs", &Counts::graphs)
      .def_readonly("nodes", &Counts::nodes)
      .def_readonly("edges", &Counts::edges)
      .def_readonly("seeds", &Counts::seeds)
      .def_readonly("labels", &Counts::labels)
      .def_readonly("rows", &Counts::rows);

  py::class_<FrameInfo>(m, "FrameInfo")
      .def_readonly("epoch", &FrameInfo::epoch)
      .def_readonly("ordinal", &FrameInfo::ordinal)
      .def_readonly("real", &FrameInfo::real)
      .def_readonly("trimmed", &FrameInfo::trimmed)
      .def_readonly("null_frame", &FrameInfo::null_frame)
      .def_readonly("repeat", &FrameInfo::repeat)
      .def_readonly("digest", &FrameInfo::digest)
      .def_property_readonly("graph_ids", &GraphIdsOf);

  py::class_<PlanSummary>(m, "PlanSummary")
      .def_readonly("num_batches", &PlanSummary::num_batches)
      .def_readonly("num_frames", &PlanSummary::num_frames)
      .def_readonly("shard_frames", &PlanSummary::shard_frames)
      .def_readonly("num_graphs", &PlanSummary::num_graphs)
      .def_readonly("skipped_graphs", &PlanSummary::skipped_graphs)
      .def_readonly("real", &PlanSummary::real)
      .def_readonly("node_efficiency", &PlanSummary::node_efficiency)
      .def_readonly("edge_efficiency", &PlanSummary::edge_efficiency)
      .def_readonly("lower_bound_batches", &PlanSummary::lower_bound_batches);

  py::class_<TensorSpec>(m, "TensorSpec")
      .def_readonly("store", &TensorSpec::store)
      .def_readonly("name", &TensorSpec::name)
      .def_property_readonly(
          "dtype", [](const TensorSpec& self) { return std::string(DTypeName(self.dtype)); })
      .def_property_readonly("axis",
                             [](const TensorSpec& self) { return std::string(NameOf(self.axis)); })
      .def_readonly("type", &TensorSpec::type)
      .def_readonly("concat_last", &TensorSpec::concat_last);

  py::class_<Layout, std::shared_ptr<Layout>>(m, "Layout")
      .def_readonly("tensors", &Layout::tensors)
      .def_readonly("micro_batches", &Layout::micro_batches)
      .def_readonly("ragged", &Layout::ragged)
      .def_readonly("heterogeneous", &Layout::heterogeneous)
      .def_readonly("node_types", &Layout::node_types)
      .def_readonly("edge_types", &Layout::edge_types)
      .def_readonly("row_columns", &Layout::row_columns)
      .def_readonly("padded", &Layout::padded)
      .def_readonly("slab_bytes", &Layout::slab_bytes)
      .def_property_readonly("digest", &LayoutDigest);

  py::class_<StreamInfo>(m, "StreamInfo")
      .def_readonly("dataset", &StreamInfo::dataset)
      .def_property_readonly("fingerprint",
                             [](const StreamInfo& self) { return ToBytes(self.fingerprint); })
      .def_readonly("layout", &StreamInfo::layout)
      .def_readonly("resolved_spec", &StreamInfo::resolved_spec)
      .def_property_readonly("spec_digest",
                             [](const StreamInfo& self) { return ToBytes(self.spec_digest); })
      .def_readonly("seed", &StreamInfo::seed)
      .def_readonly("prefetch", &StreamInfo::prefetch);

  py::class_<SizeEstimate>(m, "BudgetReport")
      .def_readonly("options", &SizeEstimate::options)
      .def_readonly("trimmed_nodes", &SizeEstimate::trimmed_nodes)
      .def_readonly("trimmed_edges", &SizeEstimate::trimmed_edges)
      .def_readonly("trimmed_batches", &SizeEstimate::trimmed_batches)
      .def_readonly("num_samples", &SizeEstimate::num_samples);

  py::class_<PlanDescription>(m, "PlanDescription")
      .def_readonly("plan", &PlanDescription::plan)
      .def_readonly("resolved_spec", &PlanDescription::resolved_spec)
      .def_readonly("layout", &PlanDescription::layout)
      .def_readonly("graphs_per_batch", &PlanDescription::graphs_per_batch)
      .def_property_readonly("fingerprint",
                             [](const PlanDescription& self) { return ToBytes(self.fingerprint); })
      .def_property_readonly("spec_digest",
                             [](const PlanDescription& self) { return ToBytes(self.spec_digest); });

  py::class_<SizeChoice>(m, "SizeChoice")
      .def_readonly("options", &SizeChoice::options)
      .def_readonly("num_graphs", &SizeChoice::num_graphs)
      .def_readonly("sampled_graphs", &SizeChoice::sampled_graphs)
      .def_readonly("num_batches", &SizeChoice::num_batches)
      .def_readonly("lower_bound_batches", &SizeChoice::lower_bound_batches)
      .def_readonly("node_efficiency", &SizeChoice::node_efficiency)
      .def_readonly("edge_efficiency", &SizeChoice::edge_efficiency)
      .def_readonly("padding_share", &SizeChoice::padding_share)
      .def_readonly("batch_bytes", &SizeChoice::batch_bytes);

  py::class_<StrategyPlan>(m, "StrategyPlan")
      .def_property_readonly(
          "strategy", [](const StrategyPlan& self) { return std::string(NameOf(self.strategy)); })
      .def_property_readonly(
          "refused", [](const StrategyPlan& self) { return std::string(self.refused.message()); })
      .def_readonly("description", &StrategyPlan::description)
      .def_readonly("choice", &StrategyPlan::choice)
      .def_readonly("cut_nodes", &StrategyPlan::cut_nodes)
      .def_readonly("cut_edges", &StrategyPlan::cut_edges)
      .def_readonly("cut_unknown", &StrategyPlan::cut_unknown)
      .def_readonly("epoch_bytes", &StrategyPlan::epoch_bytes);
}

}  // namespace

void BindBatches(py::module_& m) {
  BindValues(m);

  py::class_<BatchHandle>(m, "Batch")
      .def_property_readonly(
          "info", [](const BatchHandle& self) -> const FrameInfo& { return self.get().info(); },
          py::return_value_policy::copy)
      .def_property_readonly("epoch",
                             [](const BatchHandle& self) { return self.get().info().epoch; })
      .def_property_readonly("layout",
                             [](const BatchHandle& self) {
                               // Nothing that is bound changes a layout.
                               return std::const_pointer_cast<Layout>(self.get().shared_layout());
                             })
      .def_property_readonly(
          "nbytes", [](const BatchHandle& self) { return self.get().placement().slab_bytes; })
      .def("array", &ArrayOf, py::arg("index"))
      .def("__len__", [](const BatchHandle& self) { return self.get().layout().tensors.size(); });

  py::class_<StreamHandle>(m, "Stream")
      .def("info", &StreamHandle::Info)
      .def("next",
           [](StreamHandle& self) -> py::object {
             std::optional<Batch> batch = self.Next();
             if (!batch.has_value()) return py::none();
             return py::cast(BatchHandle(*std::move(batch)));
           })
      .def("epoch",
           [](StreamHandle& self) {
             EpochInfo info = self.Epoch();
             return py::make_tuple(info.epoch, std::move(info.plan));
           })
      .def("cancel", &StreamHandle::Cancel);
}

}  // namespace graphfeed::python
