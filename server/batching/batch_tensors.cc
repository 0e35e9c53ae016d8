#include "server/batching/batch_tensors.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/collater.h"
#include "server/batching/columns.h"
#include "server/batching/options.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {
namespace {

using Source = BatchTensor::Source;

Axis AxisOf(Level level) {
  switch (level) {
    case Level::kNode:
      return Axis::kNodes;
    case Level::kEdge:
      return Axis::kEdges;
    case Level::kGraph:
      return Axis::kGraphs;
  }
  return Axis::kGraphs;
}

class Builder {
 public:
  Builder(const Schema& schema, const BatchSpec& spec) : schema_(schema), spec_(spec) {}

  // The columns of one level and type, each followed by what follow_batch adds for it.
  void AddColumns(Level level, int type) {
    for (size_t c = 0; c < schema_.columns.size(); ++c) {
      if (schema_.columns[c].level == level && schema_.columns[c].type == type) {
        AddColumn(static_cast<int>(c));
      }
    }
  }

  void AddColumn(int c) {
    const ColumnSchema& column = schema_.columns[c];
    if (!IsBatched(column, spec_)) return;
    BatchTensor& tensor = Add(column.level, column.type, column.name, Source::kColumn);
    tensor.column = c;
    tensor.spec.dtype = BatchDType(column, spec_);
    tensor.spec.concat_last = column.concat_last;
    tensor.spec.row_shape = column.row_shape;
    const int64_t rows = column.level == Level::kGraph ? column.rows_per_graph : 1;
    tensor.spec.axis_scale = rows;
    if (!std::binary_search(spec_.follow_batch.begin(), spec_.follow_batch.end(), column.name)) {
      return;
    }
    AddOrdinals(column.level, column.type, absl::StrCat(column.name, "_batch"), rows);
    AddPtr(column.level, column.type, absl::StrCat(column.name, "_ptr"), rows);
  }

  void AddBatchAndPtr(int node_type) {
    AddOrdinals(Level::kNode, node_type, "batch", 1);
    AddPtr(Level::kNode, node_type, "ptr", 1);
  }

  void AddMask(Level level, int type, const std::string& name) {
    if (spec_.masks) Add(level, type, name, Source::kMask).spec.dtype = DType::kBool;
  }

  std::vector<BatchTensor> Take() { return std::move(tensors_); }

 private:
  BatchTensor& Add(Level level, int type, const std::string& name, Source source) {
    BatchTensor& tensor = tensors_.emplace_back();
    tensor.spec.store = schema_.StoreName(level, type);
    tensor.spec.name = name;
    tensor.spec.axis = AxisOf(level);
    tensor.spec.type = type;
    tensor.source = source;
    tensor.level = level;
    return tensor;
  }

  void AddOrdinals(Level level, int type, const std::string& name, int64_t rows_per_graph) {
    BatchTensor& tensor = Add(level, type, name, Source::kOrdinals);
    tensor.spec.dtype = spec_.index_dtype;
    tensor.spec.axis_scale = rows_per_graph;
    tensor.rows_per_graph = rows_per_graph;
  }

  void AddPtr(Level level, int type, const std::string& name, int64_t rows_per_graph) {
    BatchTensor& tensor = Add(level, type, name, Source::kPtr);
    tensor.spec.dtype = spec_.index_dtype;
    tensor.spec.axis = Axis::kPtr;
    tensor.rows_per_graph = rows_per_graph;
  }

  const Schema& schema_;
  const BatchSpec& spec_;
  std::vector<BatchTensor> tensors_;
};

// x, edge_index, edge_attr, y, pos come first.
size_t PlaceInOrder(const std::string& name) {
  static constexpr absl::string_view kFirst[] = {"x", "edge_index", "edge_attr", "y", "pos"};
  return std::find(std::begin(kFirst), std::end(kFirst), name) - std::begin(kFirst);
}

}  // namespace

std::vector<BatchTensor> BatchTensors(const Schema& schema, const BatchSpec& spec) {
  Builder builder(schema, spec);
  const int num_node_types = static_cast<int>(schema.node_types.size());
  const int num_edge_types = static_cast<int>(schema.edge_types.size());
  if (schema.heterogeneous) {
    builder.AddColumns(Level::kGraph, 0);
    builder.AddMask(Level::kGraph, 0, "graphs_mask");
    for (int t = 0; t < num_node_types; ++t) {
      builder.AddColumns(Level::kNode, t);
      builder.AddBatchAndPtr(t);
      builder.AddMask(Level::kNode, t, "nodes_mask");
    }
    for (int r = 0; r < num_edge_types; ++r) {
      builder.AddColumns(Level::kEdge, r);
      builder.AddMask(Level::kEdge, r, "edges_mask");
    }
    return builder.Take();
  }
  for (size_t c = 0; c < schema.columns.size(); ++c) builder.AddColumn(static_cast<int>(c));
  builder.AddBatchAndPtr(0);
  builder.AddMask(Level::kGraph, 0, "graphs_mask");
  builder.AddMask(Level::kNode, 0, "nodes_mask");
  builder.AddMask(Level::kEdge, 0, "edges_mask");
  std::vector<BatchTensor> tensors = builder.Take();
  if (spec.fixed_size()) {
    std::sort(tensors.begin(), tensors.end(), [](const BatchTensor& a, const BatchTensor& b) {
      return std::make_pair(PlaceInOrder(a.spec.name), a.spec.name) <
             std::make_pair(PlaceInOrder(b.spec.name), b.spec.name);
    });
  }
  return tensors;
}

absl::StatusOr<Layout> MakeLayout(const Schema& schema, const BatchSpec& spec, int64_t max_bytes) {
  Layout layout;
  for (BatchTensor& tensor : BatchTensors(schema, spec)) {
    layout.tensors.push_back(std::move(tensor.spec));
  }
  layout.heterogeneous = schema.heterogeneous;
  layout.node_types = schema.node_types;
  layout.edge_types = EdgeTypeNames(schema);
  if (!spec.fixed_size()) {
    layout.ragged = true;
    return layout;
  }
  layout.micro_batches = spec.micro_batches;
  layout.padded = {spec.options.num_graphs, spec.options.num_nodes, spec.options.num_edges};
  GF_ASSIGN_OR_RETURN(Placement placement, Place(layout, layout.padded, max_bytes));
  layout.places = std::move(placement.places);
  layout.slab_bytes = placement.slab_bytes;
  return layout;
}

}  // namespace graphfeed
