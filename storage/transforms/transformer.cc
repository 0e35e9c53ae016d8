#include "storage/transforms/transformer.h"

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"
#include "storage/graph/element_access.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kEdgeIndex = "edge_index";

absl::Status CheckSizes(const std::vector<std::vector<int64_t>>& sizes, size_t num_types,
                        absl::string_view what, int64_t num_graphs) {
  if (sizes.size() != num_types) {
    return absl::InvalidArgumentError(absl::StrCat("transforms know ", num_types, " ", what,
                                                   " types; the block has ", sizes.size(), " ",
                                                   what, " types"));
  }
  for (const std::vector<int64_t>& counts : sizes) {
    if (static_cast<int64_t>(counts.size()) != num_graphs) {
      return absl::InvalidArgumentError(absl::StrCat("transforms take whole graphs; the block has ",
                                                     num_graphs, " graphs, but sizes of ",
                                                     counts.size()));
    }
    for (const int64_t count : counts) {
      if (count < 0) return absl::InvalidArgumentError(absl::StrCat("a size is negative: ", count));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Transformer::Init() {
  GF_RETURN_IF_ERROR(
      CheckSizes(block_.num_nodes, types_.node_types.size(), "node", block_.num_graphs));
  GF_RETURN_IF_ERROR(
      CheckSizes(block_.num_edges, types_.edge_types.size(), "edge", block_.num_graphs));
  edge_index_.assign(types_.edge_types.size(), -1);
  columns_.resize(block_.columns.size());
  for (size_t c = 0; c < columns_.size(); ++c) GF_RETURN_IF_ERROR(InitColumn(c));
  return absl::OkStatus();
}

absl::Status Transformer::InitColumn(size_t c) {
  const ColumnBlock& block = block_.columns[c];
  Column& column = columns_[c];
  const auto broken = [&](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat("column ", block.name, ": ", what...));
  };
  if (!block.sizes.empty() && static_cast<int64_t>(block.sizes.size()) != block_.num_graphs) {
    return broken(block.sizes.size(), " sizes for ", block_.num_graphs, " graphs");
  }
  int64_t rows = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const int64_t size = Rows(c, g);
    if (size < 0 || __builtin_add_overflow(rows, size, &rows)) {
      return broken("graph ", g, " cannot have ", size, " rows");
    }
  }
  for (const int64_t dim : block.row_shape) {
    if (dim < 0 || __builtin_mul_overflow(column.row_elements, dim, &column.row_elements)) {
      return broken("the row shape has an impossible dimension ", dim);
    }
  }
  if (block.dtype == DType::kString) {
    if (static_cast<int64_t>(block.strings.size()) != rows) {
      return broken(block.strings.size(), " strings for ", rows, " rows");
    }
  } else {
    int64_t bytes = 0;
    if (__builtin_mul_overflow(column.row_elements, static_cast<int64_t>(SizeOf(block.dtype)),
                               &column.row_bytes) ||
        __builtin_mul_overflow(column.row_bytes, rows, &bytes) ||
        static_cast<int64_t>(block.rows.size()) != bytes) {
      return broken(block.rows.size(), " bytes for ", rows, " rows of ", column.row_bytes);
    }
  }
  if (types_.heterogeneous && !block.level.has_value()) {
    return broken("its level is not declared, which a heterogeneous dataset requires");
  }
  GF_ASSIGN_OR_RETURN(column.level, InferLevel(c));
  column.type = column.level == Level::kGraph ? 0 : block.type;
  const auto* sizes = column.level == Level::kNode   ? &block_.num_nodes
                      : column.level == Level::kEdge ? &block_.num_edges
                                                     : nullptr;
  if (sizes != nullptr && (block.type < 0 || static_cast<size_t>(block.type) >= sizes->size())) {
    return broken("type ", block.type, "; there are ", sizes->size());
  }
  for (int64_t g = 0; sizes != nullptr && g < block_.num_graphs; ++g) {
    const int64_t count = (*sizes)[block.type][g];
    if (Rows(c, g) != count) {
      return broken(LevelName(column.level), " level, but graph ", g, " has ", count, " ",
                    LevelName(column.level), "s and the column ", Rows(c, g), " rows");
    }
  }
  if (block.name == kEdgeIndex && column.level == Level::kEdge) {
    if (!IsInteger(block.dtype) || column.row_elements != 2) {
      return absl::InvalidArgumentError(
          "edge_index must have an integer dtype and two elements an edge");
    }
    edge_index_[column.type] = static_cast<int>(c);
    return absl::OkStatus();
  }
  // The name rule of the schema.
  if (IsInteger(block.dtype) && NameSaysIndex(block.name)) {
    if (!types_.heterogeneous) column.index_type = 0;
    if (types_.heterogeneous && column.level == Level::kNode) column.index_type = column.type;
  }
  return absl::OkStatus();
}

absl::StatusOr<Level> Transformer::InferLevel(size_t c) const {
  const ColumnBlock& column = block_.columns[c];
  if (column.level.has_value()) return *column.level;
  if (column.name == kEdgeIndex) return Level::kEdge;
  if (column.dtype == DType::kString || column.zero_dim || column.non_tensor) return Level::kGraph;
  const std::vector<int64_t>& nodes = block_.num_nodes[0];
  const std::vector<int64_t>& edges = block_.num_edges[0];
  ColumnRows found{.name = column.name,
                   .collection = types_.collection,
                   .fits_nodes = true,
                   .fits_edges = true,
                   .one_each = true};
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const int64_t rows = Rows(c, g);
    found.fits_nodes = found.fits_nodes && rows == nodes[g];
    found.fits_edges = found.fits_edges && rows == edges[g];
    found.one_each = found.one_each && rows == 1;
  }
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    found.rows = Rows(c, g);
    found.nodes = nodes[g];
    found.edges = edges[g];
    const bool to_blame =
        NameMeansEdges(column.name) ? found.rows != found.edges : found.rows != found.nodes;
    const std::string contradiction = NameContradiction(found);
    if (!to_blame || contradiction.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("column ", column.name, ": graph ", g, ": ", contradiction,
                     "; correct it, or declare its level if it was meant, for example kinds={\"",
                     column.name, "\": \"graph\"}"));
  }
  if (found.fits_nodes && found.fits_edges) {
    return NameSaysEdge(column.name) ? Level::kEdge : Level::kNode;
  }
  return found.fits_nodes ? Level::kNode : found.fits_edges ? Level::kEdge : Level::kGraph;
}

std::string Transformer::NameOf(size_t c) const {
  const std::string& name = block_.columns[c].name;
  if (!types_.heterogeneous || columns_[c].level == Level::kGraph) return name;
  return absl::StrCat(name, " of ", types_.StoreName(columns_[c].level, columns_[c].type));
}

std::string Transformer::NodesOf(int type) const {
  return types_.heterogeneous ? absl::StrCat(types_.node_types[type], " nodes") : "nodes";
}

absl::StatusOr<bool> Transformer::HasEnds(absl::string_view transform, int type) const {
  if (edge_index_[type] >= 0) return true;
  bool has_edges = !types_.heterogeneous;  // the only edge type has its edge_index, edges or not
  for (const int64_t count : block_.num_edges[type]) has_edges = has_edges || count > 0;
  if (!has_edges) return false;
  return absl::InvalidArgumentError(
      absl::StrCat(transform, ": ",
                   types_.heterogeneous ? types_.EdgeTypeName(type) + " has" : "the graphs have",
                   " no column edge_index"));
}

absl::Status Transformer::RequireNoStrings(absl::string_view transform, int edge_type) const {
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (block_.columns[c].dtype == DType::kString && IsOf(c, Level::kEdge, edge_type)) {
      return absl::InvalidArgumentError(absl::StrCat(transform, " cannot change the string column ",
                                                     NameOf(c), " of edge level"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Transformer::Edge>> Transformer::ReadEdges(int type, int64_t graph,
                                                                      int64_t first) const {
  const size_t c = edge_index_[type];
  const DType dtype = block_.columns[c].dtype;
  const char* row = block_.columns[c].rows.data() + first * columns_[c].row_bytes;
  std::vector<Edge> edges(block_.num_edges[type][graph]);
  const EdgeType& ends = types_.edge_types[type];
  for (size_t e = 0; e < edges.size(); ++e, row += columns_[c].row_bytes) {
    edges[e] = {LoadInt(dtype, row), LoadInt(dtype, row + SizeOf(dtype)), static_cast<int64_t>(e)};
    const auto check = [&](int64_t node, int node_type) {
      const int64_t limit = block_.num_nodes[node_type][graph];
      if (node >= 0 && node < limit) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat("graph ", graph, ": edge ", e, " of ", NameOf(c), " names node ", node,
                       "; the graph has ", limit, " ", NodesOf(node_type)));
    };
    GF_RETURN_IF_ERROR(check(edges[e].source, ends.source));
    GF_RETURN_IF_ERROR(check(edges[e].target, ends.target));
  }
  return edges;
}

absl::Status Transformer::AppendEnds(absl::string_view transform, int type, int64_t graph,
                                     int64_t source, int64_t target, std::string& rows) const {
  const DType dtype = block_.columns[edge_index_[type]].dtype;
  char bytes[2 * sizeof(int64_t)];
  if (!StoreInt(dtype, source, bytes) || !StoreInt(dtype, target, bytes + SizeOf(dtype))) {
    return absl::InvalidArgumentError(
        absl::StrCat(transform, ": ", NameOf(edge_index_[type]), " is ", DTypeName(dtype),
                     ", which cannot hold edge (", source, ", ", target, ") of graph ", graph));
  }
  rows.append(bytes, 2 * SizeOf(dtype));
  return absl::OkStatus();
}

}  // namespace graphfeed
