#include "server/batching/batch_tensors.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/columns.h"
#include "server/batching/resolved_spec.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using Sampled = BatchTensor::Sampled;
using Structure = BatchTensor::Structure;
using Source = decltype(BatchTensor::source);

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
  Builder(const Schema& schema, const ResolvedSpec& spec) : schema_(schema), spec_(spec) {}

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
    BatchTensor& tensor = Add(column.level, column.type, column.name, BatchTensor::Column{c});
    tensor.spec.dtype = BatchDType(column, spec_);
    tensor.spec.concat_last = column.concat_last;
    tensor.spec.row_shape = column.row_shape;
    const int64_t rows = column.level == Level::kGraph ? column.rows_per_graph : 1;
    if (column.varying()) {
      tensor.spec.axis = Axis::kRows;
      tensor.spec.type = RowsOf(c);
    } else {
      tensor.spec.axis_scale = rows;
    }
    const int type = tensor.spec.type;
    if (!std::binary_search(spec_.follow_batch.begin(), spec_.follow_batch.end(), column.name)) {
      return;
    }
    AddOrdinals(column.level, type, absl::StrCat(column.name, "_batch"), rows);
    AddPtr(column.level, type, absl::StrCat(column.name, "_ptr"), rows);
  }

  // The number of a column among those of which graphs have different numbers of rows.
  int RowsOf(int c) const {
    const std::vector<int>& columns = spec_.row_columns;
    return static_cast<int>(std::find(columns.begin(), columns.end(), c) - columns.begin());
  }

  void AddBatchAndPtr(int node_type) {
    AddOrdinals(Level::kNode, node_type, "batch", 1);
    AddPtr(Level::kNode, node_type, "ptr", 1);
  }

  // What sampled batches say of their nodes.
  void AddSampledNodes(int node_type) {
    AddIndices(Level::kNode, node_type, "n_id", Sampled::kNodeIds);
    if (spec_.sampling->disjoint) {
      // PyG's name, where no padding makes it the number of the graph.
      AddIndices(Level::kNode, node_type, spec_.fixed_size() ? "tree" : "batch", Sampled::kTrees);
    }
    const ResolvedSampling& sampling = *spec_.sampling;
    if (!sampling.links.has_value() && sampling.partition < 0 && sampling.input_type == node_type) {
      AddIndices(Level::kNode, node_type, "input_id", Sampled::kInputIds).spec.axis = Axis::kSeeds;
      if (!sampling.input_time.empty())
        AddTimes(Level::kNode, node_type, "seed_time", Axis::kSeeds);
    }
  }

  void AddSampledEdges(int edge_type) {
    AddIndices(Level::kEdge, edge_type, "e_id", Sampled::kEdgeIds);
    const auto& links = spec_.sampling->links;
    if (links.has_value() && links->edge_type == edge_type) AddLabels(*links);
  }

  void AddMask(Level level, int type, const std::string& name) {
    if (spec_.masks) Add(level, type, name, Structure::kMask).spec.dtype = DType::kBool;
  }

  std::vector<BatchTensor> Take() { return std::move(tensors_); }

 private:
  BatchTensor& AddIndices(Level level, int type, const std::string& name, Sampled source) {
    BatchTensor& tensor = Add(level, type, name, source);
    tensor.spec.dtype = spec_.index_dtype;
    return tensor;
  }

  void AddTimes(Level level, int type, const std::string& name, Axis axis) {
    BatchTensor& tensor =
        Add(level, type, name, axis == Axis::kSeeds ? Sampled::kSeedTimes : Sampled::kLabelTimes);
    tensor.spec.dtype = DType::kInt64;
    tensor.spec.axis = axis;
  }

  void AddLabels(const ResolvedLinks& links) {
    const auto add = [&](const std::string& name, Sampled source, Axis axis) -> BatchTensor& {
      BatchTensor& tensor = AddIndices(Level::kEdge, links.edge_type, name, source);
      tensor.spec.axis = axis;
      return tensor;
    };
    const bool times = !spec_.sampling->input_time.empty();
    add("input_id", Sampled::kInputIds, Axis::kSeeds);
    if (links.negative_mode == NegativeMode::kTriplet) {
      add("src_index", Sampled::kLabelSources, Axis::kSeeds);
      add("dst_pos_index", Sampled::kLabelTargets, Axis::kSeeds);
      BatchTensor& negatives = add("dst_neg_index", Sampled::kNegativeTargets, Axis::kSeeds);
      const int64_t each = links.negatives_per_seed();
      if (each > 1) negatives.spec.row_shape = {each};
      if (times) AddTimes(Level::kEdge, links.edge_type, "seed_time", Axis::kSeeds);
      return;
    }
    BatchTensor& index = add("edge_label_index", Sampled::kLabelIndex, Axis::kLabels);
    index.spec.row_shape = {2};
    index.spec.concat_last = true;
    if (links.labelled()) {
      add("edge_label", Sampled::kLabels, Axis::kLabels).spec.dtype =
          links.labels.empty() ? DType::kFloat32 : DType::kInt64;
    }
    if (times) AddTimes(Level::kEdge, links.edge_type, "edge_label_time", Axis::kLabels);
    if (spec_.masks) {
      add("edge_label_mask", Sampled::kLabelMask, Axis::kLabels).spec.dtype = DType::kBool;
    }
  }

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
    BatchTensor& tensor = Add(level, type, name, Structure::kOrdinals);
    tensor.spec.dtype = spec_.index_dtype;
    if (rows_per_graph == ColumnSchema::kVarying) {
      tensor.spec.axis = Axis::kRows;
    } else {
      tensor.spec.axis_scale = rows_per_graph;
    }
    tensor.rows_per_graph = rows_per_graph;
  }

  void AddPtr(Level level, int type, const std::string& name, int64_t rows_per_graph) {
    BatchTensor& tensor = Add(level, type, name, Structure::kPtr);
    tensor.spec.dtype = spec_.index_dtype;
    tensor.spec.axis = Axis::kPtr;
    tensor.rows_per_graph = rows_per_graph;
  }

  const Schema& schema_;
  const ResolvedSpec& spec_;
  std::vector<BatchTensor> tensors_;
};

// x, edge_index, edge_attr, y, pos come first.
size_t PlaceInOrder(const std::string& name) {
  static constexpr absl::string_view kFirst[] = {"x", "edge_index", "edge_attr", "y", "pos"};
  return std::find(std::begin(kFirst), std::end(kFirst), name) - std::begin(kFirst);
}

}  // namespace

std::vector<BatchTensor> BatchTensors(const Schema& schema, const ResolvedSpec& spec) {
  Builder builder(schema, spec);
  const bool sampled = spec.sampling.has_value();
  const bool plain_sampled = sampled && !spec.fixed_size();  // as PyG's loaders: one graph
  const int num_node_types = static_cast<int>(schema.node_types.size());
  const int num_edge_types = static_cast<int>(schema.edge_types.size());
  if (schema.heterogeneous) {
    builder.AddColumns(Level::kGraph, 0);
    builder.AddMask(Level::kGraph, 0, "graphs_mask");
    for (int t = 0; t < num_node_types; ++t) {
      builder.AddColumns(Level::kNode, t);
      if (sampled) builder.AddSampledNodes(t);
      if (!plain_sampled) builder.AddBatchAndPtr(t);
      builder.AddMask(Level::kNode, t, "nodes_mask");
    }
    for (int r = 0; r < num_edge_types; ++r) {
      builder.AddColumns(Level::kEdge, r);
      if (sampled) builder.AddSampledEdges(r);
      builder.AddMask(Level::kEdge, r, "edges_mask");
    }
    return builder.Take();
  }
  for (size_t c = 0; c < schema.columns.size(); ++c) builder.AddColumn(static_cast<int>(c));
  if (sampled) {
    builder.AddSampledNodes(0);
    builder.AddSampledEdges(0);
  }
  if (!plain_sampled) builder.AddBatchAndPtr(0);
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

absl::StatusOr<Layout> MakeLayout(const Schema& schema, const ResolvedSpec& spec,
                                  int64_t max_bytes) {
  Layout layout;
  for (BatchTensor& tensor : BatchTensors(schema, spec)) {
    layout.tensors.push_back(std::move(tensor.spec));
  }
  layout.heterogeneous = schema.heterogeneous;
  layout.node_types = schema.node_types;
  layout.edge_types = EdgeTypeNames(schema);
  for (const int column : spec.row_columns)
    layout.row_columns.push_back(schema.columns[column].name);
  if (!spec.fixed_size()) {
    layout.ragged = true;
    return layout;
  }
  layout.micro_batches = spec.micro_batches;
  layout.padded.graphs = spec.options.num_graphs;
  layout.padded.nodes = spec.options.num_nodes;
  layout.padded.edges = spec.options.num_edges;
  for (const auto& [name, rows] : spec.options.num_rows) layout.padded.rows.push_back(rows);
  if (spec.sampling.has_value()) {
    layout.padded.seeds = spec.batch_size;
    if (spec.sampling->links.has_value()) {
      layout.padded.labels = spec.sampling->links->NumLabels(spec.batch_size);
    }
  }
  GF_ASSIGN_OR_RETURN(Placement placement, Place(layout, layout.padded, max_bytes));
  layout.places = std::move(placement.places);
  layout.slab_bytes = placement.slab_bytes;
  return layout;
}

}  // namespace graphfeed
