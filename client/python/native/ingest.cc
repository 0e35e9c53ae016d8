#include "client/python/native/ingest.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

using Int64Array = py::array_t<int64_t, py::array::c_style | py::array::forcecast>;

std::vector<int64_t> VectorOf(const Int64Array& array) {
  return {array.data(), array.data() + array.size()};
}

// A column block that copies its rows only when it is sent.
struct PyColumnBlock {
  ColumnBlock description;
  py::object rows;  // a C-contiguous little-endian array, or a list of strings
};

PyColumnBlock MakeColumnBlock(std::string name, const py::object& rows,
                              std::optional<std::vector<int64_t>> row_shape,
                              const std::optional<std::string>& level, int type,
                              const std::optional<Int64Array>& sizes, bool concat_last,
                              bool zero_dim, bool non_tensor) {
  PyColumnBlock block;
  ColumnBlock& column = block.description;
  column.name = std::move(name);
  if (level.has_value()) column.level = LevelFrom(*level);
  column.type = type;
  if (sizes.has_value()) column.sizes = VectorOf(*sizes);
  column.concat_last = concat_last;
  column.zero_dim = zero_dim;
  column.non_tensor = non_tensor;
  if (!py::isinstance<py::array>(rows)) {
    column.dtype = DType::kString;
    block.rows = py::list(rows);
    return block;
  }
  py::array array = py::cast<py::array>(rows);
  if (!py::cast<bool>(array.dtype().attr("isnative"))) {
    array = array.attr("astype")(array.dtype().attr("newbyteorder")("="));
  }
  array = py::array::ensure(array, py::array::c_style);
  const std::string dtype = py::str(array.dtype().attr("name"));
  const std::optional<DType> parsed = ParseDType(dtype);
  if (!parsed.has_value() || *parsed == DType::kString) {
    RaiseInvalidArgument("column " + column.name + " has dtype " + dtype +
                         ", which cannot be stored");
  }
  column.dtype = *parsed;
  if (row_shape.has_value()) {
    column.row_shape = *std::move(row_shape);
  } else if (array.ndim() > 0) {
    column.row_shape.assign(array.shape() + 1, array.shape() + array.ndim());
  }
  block.rows = std::move(array);
  return block;
}

ColumnBlock Materialize(const PyColumnBlock& block) {
  ColumnBlock column = block.description;
  if (column.dtype == DType::kString) {
    column.strings = block.rows.cast<std::vector<std::string>>();
  } else {
    const auto array = py::reinterpret_borrow<py::array>(block.rows);
    column.rows.assign(static_cast<const char*>(array.data()), array.nbytes());
  }
  return column;
}

Transform TransformFrom(const std::string& name, const py::dict& options) {
  if (name == "normalize_features") {
    NormalizeFeatures transform;
    if (options.contains("columns")) {
      transform.columns = options["columns"].cast<std::vector<std::string>>();
    }
    return transform;
  }
  if (name == "add_self_loops") {
    AddSelfLoops transform;
    if (options.contains("fill_value")) transform.fill_value = options["fill_value"].cast<double>();
    return transform;
  }
  if (name == "to_undirected") return ToUndirected();
  if (name == "remove_isolated_nodes") return RemoveIsolatedNodes();
  if (name == "subgraph") {
    InducedSubgraph transform;
    for (const auto& [type, nodes] : options["nodes"].cast<py::dict>()) {
      NodeSubset& subset = transform.nodes[type.cast<std::string>()];
      if (py::isinstance<py::array>(nodes)) {
        subset.ids = IdsFrom("subgraph", nodes.cast<py::array>());
      } else {
        subset.leading = nodes.cast<int64_t>();
      }
    }
    return transform;
  }
  RaiseUnknownName(
      "transform", name,
      "normalize_features, add_self_loops, to_undirected, remove_isolated_nodes, subgraph");
}

}  // namespace

IngestSpec PyIngestSpec::Resolve() const {
  IngestSpec spec = base;
  const auto node_type = [&](const std::string& name) {
    for (size_t i = 0; i < base.node_types.size(); ++i) {
      if (base.node_types[i] == name) return static_cast<int>(i);
    }
    RaiseInvalidArgument("edge_types: node type " + name + " is not in node_types");
  };
  for (const auto& [source, relation, target] : edge_types) {
    spec.edge_types.push_back(
        {.source = node_type(source), .relation = relation, .target = node_type(target)});
  }
  for (const auto& [column, level] : kinds) spec.kinds[column] = LevelFrom(level);
  for (const auto& [name, options] : transforms) {
    spec.transforms.push_back(TransformFrom(name, options));
  }
  return spec;
}

void BindIngest(py::module_& m) {
  py::class_<PyColumnBlock>(m, "ColumnBlock")
      .def(py::init(&MakeColumnBlock), py::arg("name"), py::arg("rows"),
           py::arg("row_shape") = py::none(), py::arg("level") = py::none(), py::arg("type") = 0,
           py::arg("sizes") = py::none(), py::arg("concat_last") = false,
           py::arg("zero_dim") = false, py::arg("non_tensor") = false);

  py::class_<PyIngestSpec>(m, "IngestSpec")
      .def(py::init<>())
      .def_property(
          "name", [](const PyIngestSpec& s) { return s.base.name; },
          [](PyIngestSpec& s, std::string name) { s.base.name = std::move(name); })
      .def_property(
          "collection", [](const PyIngestSpec& s) { return s.base.collection; },
          [](PyIngestSpec& s, bool value) { s.base.collection = value; })
      .def_property(
          "heterogeneous", [](const PyIngestSpec& s) { return s.base.heterogeneous; },
          [](PyIngestSpec& s, bool value) { s.base.heterogeneous = value; })
      .def_property(
          "node_types", [](const PyIngestSpec& s) { return s.base.node_types; },
          [](PyIngestSpec& s, std::vector<std::string> v) { s.base.node_types = std::move(v); })
      .def_property(
          "num_nodes", [](const PyIngestSpec& s) { return s.base.num_nodes; },
          [](PyIngestSpec& s, std::vector<int64_t> v) { s.base.num_nodes = std::move(v); })
      .def_property(
          "num_edges", [](const PyIngestSpec& s) { return s.base.num_edges; },
          [](PyIngestSpec& s, std::vector<int64_t> v) { s.base.num_edges = std::move(v); })
      .def_readwrite("edge_types", &PyIngestSpec::edge_types)
      .def_readwrite("kinds", &PyIngestSpec::kinds)
      .def_readwrite("transforms", &PyIngestSpec::transforms);

  py::class_<IngestHandle>(m, "IngestStream")
      .def(
          "append",
          [](IngestHandle& self, int64_t num_graphs, const std::vector<Int64Array>& num_nodes,
             const std::vector<Int64Array>& num_edges,
             const std::vector<const PyColumnBlock*>& columns) {
            GraphBlock block;
            block.num_graphs = num_graphs;
            for (const Int64Array& sizes : num_nodes) block.num_nodes.push_back(VectorOf(sizes));
            for (const Int64Array& sizes : num_edges) block.num_edges.push_back(VectorOf(sizes));
            for (const PyColumnBlock* column : columns) {
              block.columns.push_back(Materialize(*column));
            }
            GraphSink& stream = self.Get();
            Blocking([&] { return stream.Append(std::move(block)); });
          },
          py::arg("num_graphs"), py::arg("num_nodes"), py::arg("num_edges"), py::arg("columns"))
      .def("commit",
           [](IngestHandle& self) {
             GraphSink& stream = self.Get();
             return Blocking([&] { return stream.Commit(); });
           })
      .def("cancel", &IngestHandle::Drop);
}

}  // namespace graphfeed::python
