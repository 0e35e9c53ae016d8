#ifndef GRAPHFEED_STORAGE_GRAPH_SCHEMA_H_
#define GRAPHFEED_STORAGE_GRAPH_SCHEMA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// What one element of a column belongs to.
enum class Level : uint8_t { kNode = 1, kEdge = 2, kGraph = 3 };

absl::string_view LevelName(Level level);

// Source and target are indices into Schema::node_types.
struct EdgeType {
  int source = 0;
  std::string relation;
  int target = 0;

  friend bool operator==(const EdgeType&, const EdgeType&) = default;
};

// A named tensor of a dataset, stored as rows of a fixed shape.
//
// A graph's tensor is its rows put together along the concatenation axis: the first one
// (x: rows of shape [11], tensor [n, 11]) or, with `concat_last`, the last one (edge_index: rows
// of shape [2], tensor [2, e]; rows are stored one after the other either way).
struct ColumnSchema {
  std::string name;
  Level level = Level::kNode;
  int type = 0;  // index into node_types or edge_types; 0 for graph level
  DType dtype = DType::kFloat32;
  std::vector<int64_t> row_shape;
  bool concat_last = false;

  // Graph level only: rows of every graph (y of shape [1, 19]: 1 row of shape [19]), or kVarying.
  int64_t rows_per_graph = 0;
  // Every graph has its own number of rows (triples of shape [k, 2]), which StoredData::row_offsets
  // and GraphOffsets::row_ptr say. Of collections only.
  static constexpr int64_t kVarying = -1;
  // Graph level only: the graph's tensor is 0-dim; batches stack it to [G].
  bool zero_dim = false;
  // Graph level only: a plain number, not a tensor. Padding graphs repeat the first real
  // graph's value instead of taking the pad value.
  bool non_tensor = false;

  // Not empty: the values are node ids local to the graph and are shifted when graphs are
  // concatenated. Entry i is the node type that element i of a row points into (edge_index:
  // {source, target}); a single entry serves all elements. int32 and int64 only.
  std::vector<int> index_types;

  friend bool operator==(const ColumnSchema&, const ColumnSchema&) = default;

  bool varying() const { return level == Level::kGraph && rows_per_graph == kVarying; }
  int64_t row_elements() const;  // 1 for an empty row_shape
  int64_t row_bytes() const;     // 0 for strings
};

// Immutable description of a dataset. A homogeneous dataset has one node type and one edge type,
// so there is one code path; `heterogeneous` only decides how stores are shown to users.
struct Schema {
  bool collection = true;  // many small graphs, or one large graph
  bool heterogeneous = false;
  std::vector<std::string> node_types;
  std::vector<EdgeType> edge_types;
  std::vector<ColumnSchema> columns;  // in the order of the first graph's keys

  friend bool operator==(const Schema&, const Schema&) = default;

  // Names of the single types of a homogeneous dataset.
  static constexpr absl::string_view kNodeType = "node";
  static constexpr absl::string_view kRelation = "to";
  static Schema Homogeneous(bool collection);

  // Index of the column, or -1.
  int FindColumn(Level level, int type, absl::string_view name) const;
  // "movie|to|director".
  std::string EdgeTypeName(int edge_type) const;
  // Where users find a column: "" for the graph itself (and all of a homogeneous one), a node
  // type, or EdgeTypeName.
  std::string StoreName(Level level, int type) const;
  // Position of the name in node_types, or -1; of "source|relation|target" in edge_types, or -1.
  int FindNodeType(absl::string_view name) const;
  int FindEdgeType(absl::string_view name) const;
};

// Names that batches use for themselves and columns may not have.
bool IsReservedColumnName(absl::string_view name);

// Checks types, names, shapes, indices. INVALID_ARGUMENT naming the column and the rule.
absl::Status ValidateSchema(const Schema& schema);
// The same of one column alone, in a schema whose types have been checked.
absl::Status ValidateColumn(const Schema& types, const ColumnSchema& column);

// The canonical little-endian encoding (docs/storage_format.md): two schemas are equal exactly if
// their encodings are. The order of types and columns counts.
std::string EncodeSchema(const Schema& schema);
// DATA_LOSS for bytes that EncodeSchema cannot have made of a valid schema.
absl::StatusOr<Schema> DecodeSchema(absl::string_view bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_SCHEMA_H_
