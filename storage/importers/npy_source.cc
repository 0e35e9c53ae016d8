#include "storage/importers/npy_source.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"
#include "storage/importers/npy_file.h"
#include "storage/importers/npy_rows.h"
#include "storage/importers/npy_size_cursor.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxBlockGraphs = 1 << 16;

struct OpenColumn {
  NpyColumn spec;
  std::unique_ptr<NpyRows> rows;
  Level level = Level::kGraph;
  int64_t rows_per_graph = 0;            // graph level of collections
  std::optional<SizeCursor> sizes = {};  // instead, where the number varies

  int64_t num_rows() const { return rows->num_rows(); }
  int64_t row_bytes() const { return rows->row_bytes(); }
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(rows->Title(), ": ", what));
  }
};

class NpySource : public GraphSource {
 public:
  NpySource(NpyDataset dataset, const NpyOptions& options)
      : dataset_(std::move(dataset)), options_(options) {}

  absl::Status Init() {
    GF_RETURN_IF_ERROR(OpenColumns());
    GF_RETURN_IF_ERROR(dataset_.collection ? CountCollection() : CountSingleGraph());
    for (OpenColumn& column : columns_) GF_RETURN_IF_ERROR(DecideLevel(column));
    spec_.name = dataset_.name;
    spec_.collection = dataset_.collection;
    spec_.heterogeneous = dataset_.heterogeneous;
    spec_.node_types = dataset_.node_types;
    spec_.edge_types = dataset_.edge_types;
    if (dataset_.collection) {
      total_ = num_graphs_;
      return absl::OkStatus();
    }
    spec_.num_nodes = num_nodes_;
    spec_.num_edges = num_edges_;
    for (const OpenColumn& column : columns_) total_ += column.num_rows();
    return absl::OkStatus();
  }

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return done_; }
  int64_t total() const override { return total_; }

  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    return dataset_.collection ? NextGraphs() : NextRows();
  }

 private:
  absl::Status OpenColumns();
  absl::Status CountCollection();
  static absl::StatusOr<int64_t> CountGraphs(const std::vector<NpySizes>& sizes,
                                             std::vector<SizeCursor>& cursors,
                                             std::vector<int64_t>& totals);
  absl::Status CountRows(OpenColumn& column) const;
  absl::Status CountSingleGraph();
  absl::Status DecideLevel(OpenColumn& column) const;
  absl::StatusOr<Level> InferLevel(const OpenColumn& column) const;
  ColumnBlock EmptyBlock(const OpenColumn& column) const;
  int64_t GraphBytes(const GraphBlock& block,
                     const std::vector<std::vector<int64_t>>& rows_of_graphs) const;
  absl::StatusOr<std::optional<GraphBlock>> NextGraphs();
  absl::StatusOr<std::optional<GraphBlock>> NextRows();

  const NpyDataset dataset_;
  const NpyOptions options_;
  IngestSpec spec_;
  std::vector<OpenColumn> columns_;
  std::vector<SizeCursor> node_cursors_;  // collections: by node type
  std::vector<SizeCursor> edge_cursors_;  // by edge type; none where there are no edges
  int64_t num_graphs_ = 0;                // collections
  std::vector<int64_t> num_nodes_;        // totals by type
  std::vector<int64_t> num_edges_;
  int64_t done_ = 0;
  int64_t total_ = 0;
  size_t column_ = 0;  // single graph: the next rows
  int64_t row_ = 0;
};

absl::Status NpySource::OpenColumns() {
  for (const NpyColumn& spec : dataset_.columns) {
    OpenColumn column{.spec = spec, .rows = nullptr};
    GF_ASSIGN_OR_RETURN(column.rows, OpenColumnRows(spec));
    if (column.rows->zero_dim() && dataset_.collection) {
      return column.Error("a collection's columns have at least one axis");
    }
    const auto declared = options_.kinds.find(spec.name);
    if (declared != options_.kinds.end()) column.spec.level = declared->second;
    columns_.push_back(std::move(column));
  }
  for (const auto& kind : options_.kinds) {
    const bool found = std::any_of(columns_.begin(), columns_.end(), [&](const OpenColumn& column) {
      return column.spec.name == kind.first;
    });
    if (dataset_.heterogeneous || !found) {
      return absl::InvalidArgumentError(absl::StrCat(
          "kinds declares column ", kind.first, " as ", LevelName(kind.second), " level, but ",
          found ? "levels of heterogeneous columns are fixed" : "there is no such column"));
    }
  }
  return absl::OkStatus();
}

// Walks through all sizes once: their sums must agree with the columns before anything is sent.
absl::StatusOr<int64_t> NpySource::CountGraphs(const std::vector<NpySizes>& sizes,
                                               std::vector<SizeCursor>& cursors,
                                               std::vector<int64_t>& totals) {
  int64_t num_graphs = -1;
  for (const NpySizes& size : sizes) {
    if (!size.has_file()) continue;
    GF_ASSIGN_OR_RETURN(SizeCursor cursor, SizeCursor::Create(size));
    for (int64_t g = 0; g < cursor.num_graphs(); ++g) GF_RETURN_IF_ERROR(cursor.Next().status());
    totals.push_back(cursor.sum());
    if (num_graphs >= 0 && cursor.num_graphs() != num_graphs) {
      return absl::InvalidArgumentError(absl::StrCat(cursor.name(), " tells of ",
                                                     cursor.num_graphs(), " graphs, ",
                                                     cursors.back().name(), " of ", num_graphs));
    }
    num_graphs = cursor.num_graphs();
    GF_RETURN_IF_ERROR(cursor.Start());
    cursors.push_back(std::move(cursor));
  }
  return num_graphs;
}

absl::Status NpySource::CountCollection() {
  GF_ASSIGN_OR_RETURN(num_graphs_, CountGraphs(dataset_.node_sizes, node_cursors_, num_nodes_));
  GF_ASSIGN_OR_RETURN(const int64_t by_edges,
                      CountGraphs(dataset_.edge_sizes, edge_cursors_, num_edges_));
  if (num_graphs_ < 0) num_graphs_ = by_edges;
  if (by_edges >= 0 && by_edges != num_graphs_) {
    return absl::InvalidArgumentError(absl::StrCat(node_cursors_[0].name(), " tells of ",
                                                   num_graphs_, " graphs, ",
                                                   edge_cursors_[0].name(), " of ", by_edges));
  }
  num_nodes_.resize(dataset_.node_sizes.size());
  num_edges_.resize(dataset_.edge_sizes.size());
  return absl::OkStatus();
}

absl::Status NpySource::CountSingleGraph() {
  num_nodes_.assign(dataset_.node_sizes.size(), -1);
  num_edges_.assign(dataset_.edge_sizes.size(), 0);
  for (size_t t = 0; t < num_nodes_.size(); ++t) {
    num_nodes_[t] = dataset_.node_sizes[t].total.value_or(-1);
  }
  std::vector<bool> edges_known(num_edges_.size());
  // Declared columns count before those known by their names.
  for (const bool by_name : {false, true}) {
    for (const OpenColumn& column : columns_) {
      const bool unknown = !column.spec.level.has_value();
      const auto type = static_cast<size_t>(column.spec.type);
      const bool edge_name = column.spec.name == "edge_index";
      if (column.spec.level == Level::kEdge || (unknown && edge_name)) {
        if (!edges_known[type]) num_edges_[type] = column.num_rows();
        edges_known[type] = true;
      } else if (column.spec.level == Level::kNode ||
                 (by_name && unknown && NameCountsNodes(column.spec.name))) {
        if (num_nodes_[type] < 0) num_nodes_[type] = column.num_rows();
      }
    }
  }
  for (size_t t = 0; t < num_nodes_.size(); ++t) {
    if (num_nodes_[t] >= 0) continue;
    const std::string type =
        dataset_.heterogeneous ? absl::StrCat(" of type ", dataset_.node_types[t]) : "";
    return absl::InvalidArgumentError(
        absl::StrCat("no column tells the number of nodes", type,
                     "; set num_nodes in schema.json, which `graphfeed import npy --write-schema` "
                     "drafts (or node_ptr, for a collection)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Level> NpySource::InferLevel(const OpenColumn& column) const {
  const int64_t rows = column.num_rows();
  if (column.rows->zero_dim()) return Level::kGraph;
  const bool node = rows == num_nodes_[0];
  const bool edge = rows == num_edges_[0];
  if (column.spec.name == "edge_index") return Level::kEdge;
  const std::string contradiction =
      NameContradiction({.name = column.spec.name,
                         .collection = dataset_.collection,
                         .rows = rows,
                         .nodes = num_nodes_[0],
                         .edges = num_edges_[0],
                         .fits_nodes = node,
                         .fits_edges = edge,
                         .one_each = rows == (dataset_.collection ? num_graphs_ : 1)});
  if (!contradiction.empty()) {
    return column.Error(absl::StrCat(contradiction,
                                     "; correct it, or declare the column's level if it was meant "
                                     "(for example --kinds ",
                                     column.spec.name, "=graph)"));
  }
  if (!dataset_.collection) {
    if (node && edge) return NameSaysEdge(column.spec.name) ? Level::kEdge : Level::kNode;
    return node ? Level::kNode : edge ? Level::kEdge : Level::kGraph;
  }
  const bool graph = rows == num_graphs_;
  if (graph && (node || edge)) {
    return column.Error(absl::StrCat("its ", rows, " rows may belong to the graphs or to their ",
                                     node ? "nodes" : "edges",
                                     "; declare the column's level (node, edge or graph)"));
  }
  if (node && edge) return NameSaysEdge(column.spec.name) ? Level::kEdge : Level::kNode;
  if (node) return Level::kNode;
  if (edge) return Level::kEdge;
  if (num_graphs_ > 0 && rows > 0 && rows % num_graphs_ == 0) return Level::kGraph;
  return column.Error(absl::StrCat("its ", rows, " rows are neither those of the ", num_nodes_[0],
                                   " nodes nor of the ", num_edges_[0], " edges nor of the ",
                                   num_graphs_, " graphs"));
}

// Of a column with sizes of its own.
absl::Status NpySource::CountRows(OpenColumn& column) const {
  if (!dataset_.collection) return column.Error("ptr and counts are for collections");
  std::vector<SizeCursor> cursors;
  std::vector<int64_t> totals;
  GF_ASSIGN_OR_RETURN(const int64_t num_graphs, CountGraphs({column.spec.sizes}, cursors, totals));
  if (num_graphs != num_graphs_ || totals[0] != column.num_rows()) {
    return column.Error(absl::StrCat("it has ", column.num_rows(), " rows; ", cursors[0].name(),
                                     " tells of ", totals[0], " in ", num_graphs,
                                     " graphs, of which there are ", num_graphs_));
  }
  column.sizes.emplace(std::move(cursors[0]));
  return absl::OkStatus();
}

absl::Status NpySource::DecideLevel(OpenColumn& column) const {
  if (column.spec.level.has_value()) {
    column.level = *column.spec.level;
  } else {
    GF_ASSIGN_OR_RETURN(column.level, InferLevel(column));
  }
  const int64_t rows = column.num_rows();
  if (column.level == Level::kGraph) {
    if (column.spec.sizes.has_file()) return CountRows(column);
    if (!dataset_.collection) return absl::OkStatus();
    if (num_graphs_ == 0 ? rows != 0 : rows % num_graphs_ != 0) {
      return column.Error(
          absl::StrCat("its ", rows, " rows cannot be divided among ", num_graphs_, " graphs"));
    }
    column.rows_per_graph = num_graphs_ == 0 ? 1 : rows / num_graphs_;
    return absl::OkStatus();
  }
  const bool node = column.level == Level::kNode;
  const int64_t expected = (node ? num_nodes_ : num_edges_)[column.spec.type];
  if (!node && dataset_.collection && edge_cursors_.empty()) {
    return column.Error("the edges are not cut into graphs; give edge_ptr or edge_counts");
  }
  if (rows != expected || column.rows->zero_dim()) {
    return column.Error(
        absl::StrCat("it has ", rows, " rows; there are ", expected, node ? " nodes" : " edges"));
  }
  return absl::OkStatus();
}

ColumnBlock NpySource::EmptyBlock(const OpenColumn& column) const {
  ColumnBlock block;
  block.name = column.spec.name;
  block.level = column.level;
  block.type = column.spec.type;
  block.dtype = column.rows->dtype();
  block.row_shape = column.rows->row_shape();
  block.concat_last = NameSaysIndex(block.name) && !block.row_shape.empty();
  block.zero_dim = column.rows->zero_dim();
  return block;
}

// Bytes of the block's last graph.
int64_t NpySource::GraphBytes(const GraphBlock& block,
                              const std::vector<std::vector<int64_t>>& rows_of_graphs) const {
  __int128 bytes = 0;
  for (size_t c = 0; c < columns_.size(); ++c) {
    const OpenColumn& column = columns_[c];
    const int64_t rows = column.level == Level::kNode   ? block.num_nodes[column.spec.type].back()
                         : column.level == Level::kEdge ? block.num_edges[column.spec.type].back()
                         : column.sizes.has_value()     ? rows_of_graphs[c].back()
                                                        : column.rows_per_graph;
    bytes += static_cast<__int128>(rows) * column.row_bytes();
  }
  // Files of more than 2^63 bytes were refused.
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<std::optional<GraphBlock>> NpySource::NextGraphs() {
  if (done_ == num_graphs_) return std::nullopt;
  GraphBlock block;
  block.num_nodes.resize(num_nodes_.size());
  block.num_edges.resize(num_edges_.size());
  std::vector<int64_t> first_node;
  std::vector<int64_t> first_edge;
  std::vector<std::vector<int64_t>> rows_of_graphs(columns_.size());  // where they vary
  std::vector<int64_t> first_row;
  for (const OpenColumn& column : columns_) {
    first_row.push_back(column.sizes.has_value() ? column.sizes->sum()
                                                 : done_ * column.rows_per_graph);
  }
  for (const SizeCursor& cursor : node_cursors_) first_node.push_back(cursor.sum());
  for (const SizeCursor& cursor : edge_cursors_) first_edge.push_back(cursor.sum());
  for (int64_t bytes = 0; done_ + block.num_graphs < num_graphs_ && bytes < options_.block_bytes &&
                          block.num_graphs < kMaxBlockGraphs;) {
    for (size_t t = 0; t < block.num_nodes.size(); ++t) {
      GF_ASSIGN_OR_RETURN(const int64_t size, node_cursors_[t].Next());
      block.num_nodes[t].push_back(size);
    }
    for (size_t t = 0; t < block.num_edges.size(); ++t) {
      // Graphs without edges at all need no file that says so.
      if (edge_cursors_.empty()) {
        block.num_edges[t].push_back(0);
        continue;
      }
      GF_ASSIGN_OR_RETURN(const int64_t size, edge_cursors_[t].Next());
      block.num_edges[t].push_back(size);
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (!columns_[c].sizes.has_value()) continue;
      GF_ASSIGN_OR_RETURN(const int64_t size, columns_[c].sizes->Next());
      rows_of_graphs[c].push_back(size);
    }
    ++block.num_graphs;
    bytes += GraphBytes(block, rows_of_graphs);
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    OpenColumn& column = columns_[c];
    ColumnBlock rows = EmptyBlock(column);
    const int type = column.spec.type;
    int64_t first = first_row[c];
    int64_t count = block.num_graphs * column.rows_per_graph;
    if (column.level == Level::kNode) {
      rows.sizes = block.num_nodes[type];
      first = first_node[type];
      count = node_cursors_[type].sum() - first;
    } else if (column.level == Level::kEdge) {
      rows.sizes = block.num_edges[type];
      first = first_edge[type];
      count = edge_cursors_[type].sum() - first;
    } else if (column.sizes.has_value()) {
      rows.sizes = std::move(rows_of_graphs[c]);
      count = column.sizes->sum() - first;
    } else if (column.rows_per_graph != 1) {
      rows.sizes.assign(block.num_graphs, column.rows_per_graph);
    }
    GF_RETURN_IF_ERROR(column.rows->Read(first, count, rows.rows));
    block.columns.push_back(std::move(rows));
  }
  done_ += block.num_graphs;
  return block;
}

// Column after column. An empty one has a block too, which tells that it exists.
absl::StatusOr<std::optional<GraphBlock>> NpySource::NextRows() {
  if (column_ == columns_.size()) return std::nullopt;
  OpenColumn& column = columns_[column_];
  const int64_t row_bytes = std::max<int64_t>(column.row_bytes(), 1);
  const int64_t count =
      std::min(std::max<int64_t>(options_.block_bytes / row_bytes, 1), column.num_rows() - row_);
  GraphBlock block;
  ColumnBlock rows = EmptyBlock(column);
  GF_RETURN_IF_ERROR(column.rows->Read(row_, count, rows.rows));
  if (column.row_bytes() == 0) rows.sizes = {count};  // which rows without bytes do not tell
  block.columns.push_back(std::move(rows));
  row_ += count;
  done_ += count;
  if (row_ == column.num_rows()) {
    ++column_;
    row_ = 0;
  }
  return block;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSource>> OpenNpyFolder(const std::string& folder,
                                                           const NpyOptions& options) {
  GF_ASSIGN_OR_RETURN(NpyDataset dataset, LoadNpySchema(folder));
  auto source = std::make_unique<NpySource>(std::move(dataset), options);
  GF_RETURN_IF_ERROR(source->Init());
  return source;
}

}  // namespace graphfeed
