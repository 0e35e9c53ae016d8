// The canonical encoding of a schema (the notation is CanonicalWriter's):
//
//   u8 version = 1, bool collection, bool heterogeneous,
//   list of node types:  string
//   list of edge types:  u32 source, string relation, u32 target
//   list of columns:     string name, u8 level, u32 type, u8 dtype, list of i64 row_shape,
//                        bool concat_last, i64 rows_per_graph, bool zero_dim, bool non_tensor,
//                        list of u32 index_types
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/canonical_writer.h"
#include "storage/graph/schema.h"

namespace graphfeed {
namespace {

constexpr uint8_t kVersion = 1;

// Reads what CanonicalWriter wrote. After the first mistake every value is 0 and ok() is false.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

  uint8_t U8() { return static_cast<uint8_t>(Little(1)); }
  uint32_t U32() { return static_cast<uint32_t>(Little(4)); }
  int64_t I64() { return static_cast<int64_t>(Little(8)); }
  bool Bool() {
    const uint8_t value = U8();
    if (value > 1) ok_ = false;
    return value == 1;
  }
  int Index() {
    const uint32_t value = U32();
    if (value > 0x7fffffffu) ok_ = false;
    return ok_ ? static_cast<int>(value) : 0;
  }
  std::string String() {
    const uint32_t size = U32();
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return "";
    }
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  // Length of a list whose entries take at least `entry_bytes`, so that a damaged length cannot
  // ask for more memory than the bytes at hand justify.
  uint32_t Length(size_t entry_bytes) {
    const uint32_t length = U32();
    if (!ok_ || length > bytes_.size() / entry_bytes) {
      ok_ = false;
      return 0;
    }
    return length;
  }

 private:
  uint64_t Little(size_t size) {
    if (!ok_ || bytes_.size() < size) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes_[i])) << (8 * i);
    }
    bytes_.remove_prefix(size);
    return value;
  }

  absl::string_view bytes_;
  bool ok_ = true;
};

ColumnSchema ReadColumn(Reader& reader) {
  ColumnSchema column;
  column.name = reader.String();
  column.level = static_cast<Level>(reader.U8());
  column.type = reader.Index();
  column.dtype = static_cast<DType>(reader.U8());
  const uint32_t rank = reader.Length(8);
  for (uint32_t i = 0; i < rank; ++i) column.row_shape.push_back(reader.I64());
  column.concat_last = reader.Bool();
  column.rows_per_graph = reader.I64();
  column.zero_dim = reader.Bool();
  column.non_tensor = reader.Bool();
  const uint32_t num_index_types = reader.Length(4);
  for (uint32_t i = 0; i < num_index_types; ++i) column.index_types.push_back(reader.Index());
  return column;
}

}  // namespace

std::string EncodeSchema(const Schema& schema) {
  CanonicalWriter writer;
  writer.U8(kVersion);
  writer.Bool(schema.collection);
  writer.Bool(schema.heterogeneous);
  writer.Strings(schema.node_types);
  writer.ListOf(schema.edge_types, [](CanonicalWriter& w, const EdgeType& type) {
    w.U32(static_cast<uint32_t>(type.source));
    w.String(type.relation);
    w.U32(static_cast<uint32_t>(type.target));
  });
  writer.ListOf(schema.columns, [](CanonicalWriter& w, const ColumnSchema& column) {
    w.String(column.name);
    w.U8(static_cast<uint8_t>(column.level));
    w.U32(static_cast<uint32_t>(column.type));
    w.U8(static_cast<uint8_t>(column.dtype));
    w.I64s(column.row_shape);
    w.Bool(column.concat_last);
    w.I64(column.rows_per_graph);
    w.Bool(column.zero_dim);
    w.Bool(column.non_tensor);
    w.ListOf(column.index_types,
             [](CanonicalWriter& v, int type) { v.U32(static_cast<uint32_t>(type)); });
  });
  return writer.Take();
}

absl::StatusOr<Schema> DecodeSchema(absl::string_view bytes) {
  Reader reader(bytes);
  if (const uint8_t version = reader.U8(); version != kVersion) {
    return absl::DataLossError(
        absl::StrCat("schema encoding has version ", version, "; expected ", kVersion));
  }
  Schema schema;
  schema.collection = reader.Bool();
  schema.heterogeneous = reader.Bool();
  const uint32_t num_node_types = reader.Length(4);
  for (uint32_t i = 0; i < num_node_types; ++i) schema.node_types.push_back(reader.String());
  const uint32_t num_edge_types = reader.Length(12);
  for (uint32_t i = 0; i < num_edge_types; ++i) {
    EdgeType type;
    type.source = reader.Index();
    type.relation = reader.String();
    type.target = reader.Index();
    schema.edge_types.push_back(std::move(type));
  }
  const uint32_t num_columns = reader.Length(29);  // an entry with empty lists and name
  for (uint32_t i = 0; i < num_columns && reader.ok(); ++i) {
    schema.columns.push_back(ReadColumn(reader));
  }
  if (!reader.ok() || !reader.at_end()) {
    return absl::DataLossError(
        absl::StrCat("schema encoding of ", bytes.size(), " bytes is damaged"));
  }
  if (const absl::Status status = ValidateSchema(schema); !status.ok()) {
    return absl::DataLossError(absl::StrCat("schema encoding is damaged: ", status.message()));
  }
  return schema;
}

}  // namespace graphfeed
