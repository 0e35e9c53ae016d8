#ifndef GRAPHFEED_TESTS_SUPPORT_MEMORY_FEATURES_H_
#define GRAPHFEED_TESTS_SUPPORT_MEMORY_FEATURES_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/base/check.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A dataset in memory behind the seams that batches read through.
//
//   MemoryDataset data(schema);
//   data.AddGraph({3}, {2});  // 3 nodes, 2 edges
//   data.Append<float>("x", {1, 2, 3});
//   data.Finish();
//
// Rows arrive in pieces of at most `piece_rows`, cut at multiples of it and the last range first,
// as a store with chunks may deliver them. Thread-safe after Finish.
class MemoryDataset : public FeatureStore {
 public:
  explicit MemoryDataset(Schema schema, int64_t piece_rows = 5)
      : piece_rows_(piece_rows),
        bytes_(schema.columns.size()),
        node_ptr_(schema.node_types.size(), {0}),
        edge_ptr_(schema.edge_types.size(), {0}),
        row_ptr_(schema.columns.size()) {
    info_.name = "memory";
    info_.version = 1;
    info_.schema = std::move(schema);
  }

  void AddGraph(const std::vector<int64_t>& num_nodes, const std::vector<int64_t>& num_edges) {
    for (size_t t = 0; t < node_ptr_.size(); ++t) {
      node_ptr_[t].push_back(node_ptr_[t].back() + num_nodes[t]);
    }
    for (size_t r = 0; r < edge_ptr_.size(); ++r) {
      edge_ptr_[r].push_back(edge_ptr_[r].back() + num_edges[r]);
    }
  }

  // The rows of the next graph in a column of which their number varies.
  void AddRows(absl::string_view name, int64_t rows) {
    std::vector<int64_t>& ptr = row_ptr_[Find(name, "")];
    if (ptr.empty()) ptr.push_back(0);
    ptr.push_back(ptr.back() + rows);
  }

  // Appends to the first column of that name (in heterogeneous schemas: of that store).
  template <typename T>
  void Append(absl::string_view name, const std::vector<T>& values, absl::string_view store = "") {
    const int column = Find(name, store);
    GF_CHECK(SizeOf(info_.schema.columns[column].dtype) == sizeof(T));
    for (const T& value : values) {
      const size_t end = bytes_[column].size();
      bytes_[column].resize(end + sizeof(T));
      std::memcpy(bytes_[column].data() + end, &value, sizeof(T));
    }
  }

  void Finish() {
    const Schema& schema = info_.schema;
    GF_CHECK(ValidateSchema(schema).ok());
    info_.num_graphs = static_cast<int64_t>(node_ptr_[0].size()) - 1;
    info_.columns.resize(schema.columns.size());
    for (const auto& ptr : node_ptr_) info_.num_nodes.push_back(ptr.back());
    for (const auto& ptr : edge_ptr_) info_.num_edges.push_back(ptr.back());
    for (size_t c = 0; c < schema.columns.size(); ++c) {
      const ColumnSchema& column = schema.columns[c];
      const int64_t rows = column.level == Level::kNode   ? info_.num_nodes[column.type]
                           : column.level == Level::kEdge ? info_.num_edges[column.type]
                           : column.varying()             ? row_ptr_[c].back()
                                              : info_.num_graphs * column.rows_per_graph;
      GF_CHECK(column.dtype == DType::kString ||
               static_cast<int64_t>(bytes_[c].size()) == rows * column.row_bytes());
      info_.columns[c].num_rows = rows;
      info_.columns[c].values = RangeOf(static_cast<int>(c));
    }
    offsets_.num_graphs = info_.num_graphs;
    for (const auto& ptr : node_ptr_) offsets_.node_ptr.emplace_back(ptr);
    for (const auto& ptr : edge_ptr_) offsets_.edge_ptr.emplace_back(ptr);
    for (const auto& ptr : row_ptr_) offsets_.row_ptr.emplace_back(ptr);
  }

  const DatasetInfo& info() const { return info_; }
  const Schema& schema() const { return info_.schema; }
  const GraphOffsets& offsets() const { return offsets_; }

  // Element i of a column.
  template <typename T>
  T At(int column, int64_t i) const {
    T value;
    std::memcpy(&value, bytes_[column].data() + i * sizeof(T), sizeof(T));
    return value;
  }

  // From now on reads fail with `status`.
  void FailWith(absl::Status status) { failure_ = std::move(status); }

  absl::Status VisitRows(int column, absl::Span<const RowRange> ranges,
                         RowVisitor visitor) override {
    if (!failure_.ok()) return failure_;
    const int64_t row_bytes = info_.schema.columns[column].row_bytes();
    const int64_t num_rows = info_.columns[column].num_rows;
    for (size_t i = ranges.size(); i-- > 0;) {
      const RowRange& range = ranges[i];
      if (range.first < 0 || range.count < 0 || range.first + range.count > num_rows) {
        return absl::OutOfRangeError(absl::StrCat("rows ", range.first, " + ", range.count, " of ",
                                                  num_rows, " of column ", column));
      }
      for (int64_t row = range.first; row < range.first + range.count;) {
        const int64_t end =
            std::min(range.first + range.count, (row / piece_rows_ + 1) * piece_rows_);
        visitor(i, row - range.first, end - row, bytes_[column].data() + row * row_bytes);
        row = end;
      }
    }
    return absl::OkStatus();
  }

  absl::Status GatherRows(int column, absl::Span<const int64_t> rows, std::byte* dst) override {
    ++*gathers_;
    if (!failure_.ok()) return failure_;
    const int64_t row_bytes = info_.schema.columns[column].row_bytes();
    for (const int64_t row : rows) {
      if (row < 0 || row >= info_.columns[column].num_rows) {
        return absl::OutOfRangeError(absl::StrCat(
            "row ", row, " of ", info_.columns[column].num_rows, " of column ", column));
      }
      if (row_bytes > 0) std::memcpy(dst, bytes_[column].data() + row * row_bytes, row_bytes);
      dst += row_bytes;
    }
    return absl::OkStatus();
  }

  // From now on every gather has to ask another machine.
  void MoveFar() { far_ = true; }
  int64_t far_reads() const override { return far_ ? gathers_->load() : 0; }
  int64_t num_gathers() const { return *gathers_; }

 private:
  bool far_ = false;
  // Shared with copies.
  std::shared_ptr<std::atomic<int64_t>> gathers_ = std::make_shared<std::atomic<int64_t>>(0);
  int Find(absl::string_view name, absl::string_view store) const {
    const Schema& schema = info_.schema;
    for (size_t c = 0; c < schema.columns.size(); ++c) {
      const ColumnSchema& column = schema.columns[c];
      if (column.name == name && schema.StoreName(column.level, column.type) == store) {
        return static_cast<int>(c);
      }
    }
    GF_CHECK(false) << "no column " << name;
    return -1;
  }

  template <typename T, typename Range>
  ValueRange RangeAs(int column) const {
    const int64_t count = static_cast<int64_t>(bytes_[column].size() / sizeof(T));
    if (count == 0) return {};
    Range range{At<T>(column, 0), At<T>(column, 0)};
    for (int64_t i = 1; i < count; ++i) {
      const T value = At<T>(column, i);
      if (value < range.min) range.min = value;
      if (value > range.max) range.max = value;
    }
    return range;
  }

  ValueRange RangeOf(int column) const {
    switch (info_.schema.columns[column].dtype) {
      case DType::kBool:
      case DType::kUint8:
        return RangeAs<uint8_t, IntRange>(column);
      case DType::kInt8:
        return RangeAs<int8_t, IntRange>(column);
      case DType::kInt16:
        return RangeAs<int16_t, IntRange>(column);
      case DType::kInt32:
        return RangeAs<int32_t, IntRange>(column);
      case DType::kInt64:
        return RangeAs<int64_t, IntRange>(column);
      case DType::kFloat32:
        return RangeAs<float, FloatRange>(column);
      case DType::kFloat64:
        return RangeAs<double, FloatRange>(column);
      default:
        return {};
    }
  }

  const int64_t piece_rows_;
  DatasetInfo info_;
  std::vector<std::vector<std::byte>> bytes_;  // by column
  std::vector<std::vector<int64_t>> node_ptr_;
  std::vector<std::vector<int64_t>> edge_ptr_;
  std::vector<std::vector<int64_t>> row_ptr_;  // by column
  GraphOffsets offsets_;
  absl::Status failure_;
};

// Columns as schemas declare them, for tests.
inline ColumnSchema NodeColumn(std::string name, DType dtype, std::vector<int64_t> row_shape = {},
                               int type = 0) {
  ColumnSchema column;
  column.name = std::move(name);
  column.level = Level::kNode;
  column.type = type;
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  return column;
}

inline ColumnSchema EdgeColumn(std::string name, DType dtype, std::vector<int64_t> row_shape = {},
                               int type = 0) {
  ColumnSchema column = NodeColumn(std::move(name), dtype, std::move(row_shape), type);
  column.level = Level::kEdge;
  return column;
}

inline ColumnSchema GraphColumn(std::string name, DType dtype, std::vector<int64_t> row_shape = {},
                                int64_t rows_per_graph = 1) {
  ColumnSchema column = NodeColumn(std::move(name), dtype, std::move(row_shape));
  column.level = Level::kGraph;
  column.rows_per_graph = rows_per_graph;
  return column;
}

inline ColumnSchema EdgeIndexColumn(const Schema& schema, int type = 0,
                                    DType dtype = DType::kInt64) {
  ColumnSchema column = EdgeColumn("edge_index", dtype, {2}, type);
  column.concat_last = true;
  column.index_types = {schema.edge_types[type].source, schema.edge_types[type].target};
  return column;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_MEMORY_FEATURES_H_
