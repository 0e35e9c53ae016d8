#include <pybind11/stl.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"

namespace graphfeed::python {

namespace py = pybind11;

py::bytes ToBytes(const Fingerprint& fingerprint) {
  return {reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size()};
}

Fingerprint FingerprintFrom(const std::string& bytes) {
  Fingerprint fingerprint{};
  if (bytes.size() != fingerprint.size()) {
    RaiseInvalidArgument("fingerprint has " + std::to_string(bytes.size()) + " bytes, not 16");
  }
  std::copy(bytes.begin(), bytes.end(), fingerprint.begin());
  return fingerprint;
}

DType DTypeFrom(const std::string& name) {
  const std::optional<DType> dtype = ParseDType(name);
  if (!dtype.has_value()) RaiseInvalidArgument("dtype " + name + " is not supported");
  return *dtype;
}

Level LevelFrom(const std::string& name) {
  for (const Level level : {Level::kNode, Level::kEdge, Level::kGraph}) {
    if (LevelName(level) == name) return level;
  }
  RaiseUnknownName("level", name, "node, edge, graph");
}

void RaiseUnknownName(const char* field, const std::string& name, const std::string& known) {
  RaiseInvalidArgument(std::string(field) + " is \"" + name + "\"; it is one of " + known);
}

namespace {

using EdgeTypeNames = std::tuple<std::string, std::string, std::string>;

// A column of a dataset: what is declared and what was found in it.
struct Column {
  ColumnSchema schema;
  ColumnInfo info;
};

struct DatasetSchema {
  Schema schema;
  std::vector<Column> columns;
};

DatasetSchema SchemaOf(const DatasetInfo& info) {
  DatasetSchema result{.schema = info.schema, .columns = {}};
  for (size_t i = 0; i < info.schema.columns.size(); ++i) {
    result.columns.push_back(
        {info.schema.columns[i], i < info.columns.size() ? info.columns[i] : ColumnInfo()});
  }
  return result;
}

std::vector<EdgeTypeNames> EdgeTypesOf(const DatasetSchema& self) {
  std::vector<EdgeTypeNames> names;
  for (const EdgeType& type : self.schema.edge_types) {
    names.emplace_back(self.schema.node_types[type.source], type.relation,
                       self.schema.node_types[type.target]);
  }
  return names;
}

py::object RangeOf(const Column& column) {
  if (const auto* range = std::get_if<IntRange>(&column.info.values)) {
    return py::make_tuple(range->min, range->max);
  }
  if (const auto* range = std::get_if<FloatRange>(&column.info.values)) {
    return py::make_tuple(range->min, range->max);
  }
  return py::none();
}

}  // namespace

void BindDatasets(py::module_& m) {
  py::class_<Column>(m, "ColumnSchema")
      .def_property_readonly("name", [](const Column& c) { return c.schema.name; })
      .def_property_readonly("level",
                             [](const Column& c) { return std::string(LevelName(c.schema.level)); })
      .def_property_readonly("type", [](const Column& c) { return c.schema.type; })
      .def_property_readonly("dtype",
                             [](const Column& c) { return std::string(DTypeName(c.schema.dtype)); })
      .def_property_readonly("row_shape", [](const Column& c) { return c.schema.row_shape; })
      .def_property_readonly("concat_last", [](const Column& c) { return c.schema.concat_last; })
      .def_property_readonly("rows_per_graph",
                             [](const Column& c) { return c.schema.rows_per_graph; })
      .def_property_readonly("zero_dim", [](const Column& c) { return c.schema.zero_dim; })
      .def_property_readonly("non_tensor", [](const Column& c) { return c.schema.non_tensor; })
      .def_property_readonly("index_types", [](const Column& c) { return c.schema.index_types; })
      .def_property_readonly("num_rows", [](const Column& c) { return c.info.num_rows; })
      .def_property_readonly("value_range", &RangeOf)
      .def_property_readonly("row_sizes", [](const Column& c) { return c.info.row_sizes; });

  py::class_<DatasetSchema>(m, "Schema")
      .def_property_readonly("collection",
                             [](const DatasetSchema& s) { return s.schema.collection; })
      .def_property_readonly("heterogeneous",
                             [](const DatasetSchema& s) { return s.schema.heterogeneous; })
      .def_property_readonly("node_types",
                             [](const DatasetSchema& s) { return s.schema.node_types; })
      .def_property_readonly("edge_types", &EdgeTypesOf)
      .def_readonly("columns", &DatasetSchema::columns);

  py::class_<SizeSummary>(m, "SizeSummary")
      .def_readonly("mean", &SizeSummary::mean)
      .def_readonly("std", &SizeSummary::std)
      .def_readonly("min", &SizeSummary::min)
      .def_readonly("quantile25", &SizeSummary::quantile25)
      .def_readonly("median", &SizeSummary::median)
      .def_readonly("quantile75", &SizeSummary::quantile75)
      .def_readonly("max", &SizeSummary::max);

  py::class_<DatasetInfo>(m, "DatasetInfo")
      .def_readonly("name", &DatasetInfo::name)
      .def_readonly("version", &DatasetInfo::version)
      .def_property_readonly("fingerprint",
                             [](const DatasetInfo& info) { return ToBytes(info.fingerprint); })
      .def_property_readonly("schema", &SchemaOf)
      .def_readonly("num_graphs", &DatasetInfo::num_graphs)
      .def_readonly("num_nodes", &DatasetInfo::num_nodes)
      .def_readonly("num_edges", &DatasetInfo::num_edges)
      .def_readonly("node_sizes", &DatasetInfo::node_sizes)
      .def_readonly("edge_sizes", &DatasetInfo::edge_sizes)
      .def_readonly("total_node_sizes", &DatasetInfo::total_node_sizes)
      .def_readonly("total_edge_sizes", &DatasetInfo::total_edge_sizes)
      .def_readonly("raw_bytes", &DatasetInfo::raw_bytes)
      .def_readonly("transforms", &DatasetInfo::transforms);
}

}  // namespace graphfeed::python
