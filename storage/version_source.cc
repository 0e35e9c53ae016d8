#include "storage/version_source.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// What a block has in memory beside the bytes of its rows.
constexpr int64_t kStringBytes = sizeof(std::string);
// A graph of more than so many blocks comes in parts.
constexpr int64_t kPartedBlocks = 8;
constexpr int64_t kSizeBytes = sizeof(int64_t);  // for each column and type of a graph

class VersionSource final : public GraphSource {
 public:
  VersionSource(std::shared_ptr<Dataset> dataset, int64_t block_bytes)
      : dataset_(std::move(dataset)), block_bytes_(block_bytes) {
    const DatasetInfo& info = dataset_->info();
    const Schema& schema = info.schema;
    spec_.name = info.name;
    spec_.copy_of = {
        .version = info.version, .fingerprint = info.fingerprint, .transforms = info.transforms};
    spec_.collection = schema.collection;
    spec_.heterogeneous = schema.heterogeneous;
    if (schema.heterogeneous) {
      spec_.node_types = schema.node_types;
      spec_.edge_types = schema.edge_types;
    } else {
      for (const ColumnSchema& column : schema.columns) spec_.kinds[column.name] = column.level;
    }
    if (!schema.collection) {
      spec_.num_nodes = info.num_nodes;
      spec_.num_edges = info.num_edges;
    }
    for (const ColumnSchema& column : schema.columns) {
      row_bytes_.push_back(column.dtype == DType::kString ? kStringBytes : column.row_bytes());
    }
    if (schema.collection) {
      total_ = info.num_graphs;
    } else {
      for (const ColumnInfo& column : info.columns) total_ += column.num_rows;
    }
  }

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return done_; }
  int64_t total() const override { return total_; }

  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    return spec_.collection ? NextGraphs() : NextRows();
  }

 private:
  const Schema& schema() const { return dataset_->info().schema; }

  // Rows of a column that graphs [first, first + count) have.
  RowRange Rows(size_t column, int64_t first, int64_t count) const {
    return dataset_->offsets().RowsOf(schema().columns, column, first, count);
  }

  absl::StatusOr<ColumnBlock> Read(size_t index, const RowRange& range) {
    const ColumnSchema& column = schema().columns[index];
    ColumnBlock block;
    block.name = column.name;
    if (schema().heterogeneous) block.level = column.level;
    block.type = column.type;
    block.dtype = column.dtype;
    block.row_shape = column.row_shape;
    block.concat_last = column.concat_last;
    block.zero_dim = column.zero_dim;
    block.non_tensor = column.non_tensor;
    if (column.dtype == DType::kString) {
      GF_ASSIGN_OR_RETURN(block.strings, dataset_->ReadStrings(static_cast<int>(index), {range}));
      return block;
    }
    const int64_t row_bytes = row_bytes_[index];
    if (row_bytes == 0) return block;
    block.rows.resize(static_cast<size_t>(range.count * row_bytes));
    GF_RETURN_IF_ERROR(
        dataset_->VisitRows(static_cast<int>(index), {range},
                            [&](size_t, int64_t offset, int64_t count, const std::byte* rows) {
                              std::memcpy(block.rows.data() + offset * row_bytes, rows,
                                          static_cast<size_t>(count * row_bytes));
                            }));
    return block;
  }

  bool HoldsStrings(size_t column) const {
    return schema().columns[column].dtype == DType::kString;
  }

  // Without the contents of strings.
  int64_t GraphBytes(int64_t graph) const {
    int64_t bytes =
        kSizeBytes * static_cast<int64_t>(row_bytes_.size() + schema().node_types.size() +
                                          schema().edge_types.size());
    for (size_t i = 0; i < row_bytes_.size(); ++i) {
      bytes += Rows(i, graph, 1).count * row_bytes_[i];
    }
    return bytes;
  }

  // How many graphs from `first` on make up a block.
  absl::StatusOr<int64_t> CountGraphs(int64_t first) {
    std::vector<int64_t> bytes;
    for (int64_t sum = 0; first + static_cast<int64_t>(bytes.size()) < total_;) {
      const int64_t more = GraphBytes(first + static_cast<int64_t>(bytes.size()));
      if (!bytes.empty() && more > block_bytes_ - sum) break;
      bytes.push_back(more);
      sum += more;
    }
    // Strings have any size, so theirs are looked up.
    for (size_t i = 0; i < schema().columns.size(); ++i) {
      if (!HoldsStrings(i)) continue;
      GF_ASSIGN_OR_RETURN(
          const std::vector<int64_t> sizes,
          dataset_->StringSizes(static_cast<int>(i),
                                Rows(i, first, static_cast<int64_t>(bytes.size()))));
      auto size = sizes.begin();
      for (size_t g = 0; g < bytes.size(); ++g) {
        const auto end = size + Rows(i, first + static_cast<int64_t>(g), 1).count;
        bytes[g] = std::accumulate(size, end, bytes[g]);
        size = end;
      }
    }
    first_bytes_ = bytes[0];
    int64_t count = 0;
    for (int64_t sum = 0; count < static_cast<int64_t>(bytes.size()); ++count) {
      sum += bytes[static_cast<size_t>(count)];
      if (count > 0 && sum > block_bytes_) break;
    }
    return count;
  }

  absl::StatusOr<std::optional<GraphBlock>> NextGraphs() {
    if (done_ == total_) return std::nullopt;
    const int64_t first = done_;
    if (in_parts_) return NextPart();
    GF_ASSIGN_OR_RETURN(const int64_t count, CountGraphs(first));
    if (first_bytes_ > kPartedBlocks * block_bytes_ && !schema().columns.empty()) {
      in_parts_ = true;
      column_ = 0;
      row_ = Rows(0, first, 1).first;
      return NextPart();
    }
    GraphBlock block;
    AddSizes(first, count, block);
    for (size_t i = 0; i < schema().columns.size(); ++i) {
      GF_ASSIGN_OR_RETURN(ColumnBlock rows, Read(i, Rows(i, first, count)));
      for (int64_t g = first; g < first + count; ++g) {
        rows.sizes.push_back(Rows(i, g, 1).count);
      }
      block.columns.push_back(std::move(rows));
    }
    done_ += count;
    return std::optional(std::move(block));
  }

  void AddSizes(int64_t first, int64_t count, GraphBlock& block) const {
    block.num_graphs = count;
    block.num_nodes.resize(schema().node_types.size());
    block.num_edges.resize(schema().edge_types.size());
    const GraphOffsets& offsets = dataset_->offsets();
    for (int64_t g = first; g < first + count; ++g) {
      for (size_t t = 0; t < block.num_nodes.size(); ++t) {
        block.num_nodes[t].push_back(offsets.NumNodes(static_cast<int>(t), g));
      }
      for (size_t t = 0; t < block.num_edges.size(); ++t) {
        block.num_edges[t].push_back(offsets.NumEdges(static_cast<int>(t), g));
      }
    }
  }

  // The next rows of a graph that is too large for one block.
  absl::StatusOr<std::optional<GraphBlock>> NextPart() {
    const std::vector<ColumnSchema>& columns = schema().columns;
    const RowRange rows = Rows(column_, done_, 1);
    GF_ASSIGN_OR_RETURN(const int64_t count, CountRows(rows.first + rows.count - row_));
    GraphBlock block;
    GF_ASSIGN_OR_RETURN(block.columns.emplace_back(), Read(column_, {row_, count}));
    block.columns.back().sizes = {count};
    row_ += count;
    if (row_ == rows.first + rows.count && ++column_ < columns.size()) {
      row_ = Rows(column_, done_, 1).first;
    }
    block.continues = column_ < columns.size();
    if (!block.continues) {
      AddSizes(done_++, 1, block);
      in_parts_ = false;
    }
    return std::optional(std::move(block));
  }

  // How many rows from `row_` on make up a block; `left` are there.
  absl::StatusOr<int64_t> CountRows(int64_t left) {
    if (row_bytes_[column_] == 0) return left;
    const int64_t most = std::max<int64_t>(block_bytes_ / row_bytes_[column_], 1);
    left = std::min(left, most);
    if (!HoldsStrings(column_)) return left;
    GF_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                        dataset_->StringSizes(static_cast<int>(column_), {row_, left}));
    int64_t count = 0;
    for (int64_t sum = 0; count < left; ++count) {
      sum += kStringBytes + sizes[static_cast<size_t>(count)];
      if (count > 0 && sum > block_bytes_) break;
    }
    return count;
  }

  absl::StatusOr<std::optional<GraphBlock>> NextRows() {
    const std::vector<ColumnInfo>& columns = dataset_->info().columns;
    while (column_ < columns.size() && row_ == columns[column_].num_rows && row_ > 0) NextColumn();
    if (column_ == columns.size()) return std::nullopt;
    GF_ASSIGN_OR_RETURN(const int64_t count, CountRows(columns[column_].num_rows - row_));
    GraphBlock block;
    GF_ASSIGN_OR_RETURN(block.columns.emplace_back(), Read(column_, {row_, count}));
    // Rows without bytes do not tell how many they are.
    if (row_bytes_[column_] == 0) block.columns.back().sizes = {count};
    row_ += count;
    done_ += count;
    if (count == 0) NextColumn();  // a column without rows is a column nevertheless
    return std::optional(std::move(block));
  }

  void NextColumn() {
    ++column_;
    row_ = 0;
  }

  const std::shared_ptr<Dataset> dataset_;  // shared with its other readers
  const int64_t block_bytes_;
  IngestSpec spec_;
  std::vector<int64_t> row_bytes_;  // by column; of strings without their contents
  int64_t total_ = 0;
  int64_t done_ = 0;
  int64_t first_bytes_ = 0;  // of the first graph that CountGraphs counted
  bool in_parts_ = false;    // whether graph done_ is being read in parts
  size_t column_ = 0;        // single graph, or graph in parts: where the next block begins
  int64_t row_ = 0;
};

}  // namespace

std::unique_ptr<GraphSource> ReadVersion(std::shared_ptr<Dataset> dataset, int64_t block_bytes) {
  return std::make_unique<VersionSource>(std::move(dataset), block_bytes);
}

}  // namespace graphfeed
