#include "storage/dataset.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/adjacency_check.h"
#include "storage/base/check.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/column_reader.h"
#include "storage/ingest/edge_scan.h"
#include "storage/stored_graph.h"

namespace graphfeed {
namespace {

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(prefix, ", ", status.message()));
}

class StoredDataset : public Dataset {
 public:
  StoredDataset(std::shared_ptr<const Manifest> manifest, ChunkStore& store, ChunkCache& cache,
                std::function<void(int64_t)> on_close)
      : on_close_(std::move(on_close)),
        manifest_(std::move(manifest)),
        store_(store),
        cache_(cache) {
    for (const StoredData& column : manifest_->columns) {
      columns_.push_back(
          {cache_.Open(column.rows.storage),
           column.string_offsets ? cache_.Open(column.string_offsets->storage) : nullptr});
    }
    if (!schema().collection) graph_.emplace(manifest_, cache_);
  }
  ~StoredDataset() override { on_close_(OffsetsBytes(*manifest_)); }

  absl::Status Load();

  const std::shared_ptr<const Manifest>& manifest() const { return manifest_; }
  const DatasetInfo& info() const override { return manifest_->info; }
  const GraphOffsets& offsets() const override { return offsets_; }
  absl::Status VisitRows(int column, absl::Span<const RowRange> ranges,
                         RowVisitor visitor) override;
  absl::Status GatherRows(int column, absl::Span<const int64_t> rows, std::byte* dst) override;
  int64_t far_reads() const override { return store_.shared() ? cache_.misses() : 0; }
  absl::StatusOr<std::vector<std::string>> ReadStrings(int column,
                                                       absl::Span<const RowRange> ranges) override;
  absl::StatusOr<std::vector<int64_t>> StringSizes(int column, const RowRange& range) override;
  GraphStore* graph() override { return graph_ ? &*graph_ : nullptr; }
  absl::Status Verify() override;

 private:
  struct Column {
    std::shared_ptr<ChunkCache::Column> rows;  // shared with other versions and the cache
    std::shared_ptr<ChunkCache::Column> string_offsets;
  };

  const Schema& schema() const { return manifest_->info.schema; }
  std::string Name() const {
    return absl::StrCat("dataset \"", info().name, "@", info().version, "\"");
  }
  std::string ColumnName(int column) const;
  std::string OffsetsName(Level level, size_t type) const;
  std::string RowOffsetsName(size_t column) const {
    return absl::StrCat(ColumnName(static_cast<int>(column)), ", row offsets");
  }
  // `total` is what they must end with.
  absl::Status LoadOffsets(const std::string& name, const StoredColumn& column, int64_t total,
                           std::vector<int64_t>& offsets);
  absl::Status CheckColumn(int column, bool strings) const;
  absl::StatusOr<std::vector<RowRange>> StringBytes(int column, absl::Span<const RowRange> ranges);
  absl::Status VerifyColumn(const StoredColumn& column);
  absl::Status VerifyAdjacency(int edge_type);

  const std::function<void(int64_t)> on_close_;     // destroyed last: it may own store and cache
  const std::shared_ptr<const Manifest> manifest_;  // shared with the catalog
  ChunkStore& store_;
  ChunkCache& cache_;
  std::vector<Column> columns_;
  std::optional<StoredGraph> graph_;
  std::vector<std::vector<int64_t>> node_ptr_;
  std::vector<std::vector<int64_t>> edge_ptr_;
  std::vector<std::vector<int64_t>> row_ptr_;  // by column
  GraphOffsets offsets_;
};

std::string StoredDataset::ColumnName(int column) const {
  const ColumnSchema& c = schema().columns[column];
  const std::string store = schema().StoreName(c.level, c.type);
  return absl::StrCat(Name(), ", column \"", c.name, "\"", store.empty() ? "" : " of ", store);
}

std::string StoredDataset::OffsetsName(Level level, size_t type) const {
  const std::string store = schema().StoreName(level, static_cast<int>(type));
  return absl::StrCat(Name(), ", ", LevelName(level), " offsets", store.empty() ? "" : " of ",
                      store);
}

absl::Status StoredDataset::Load() {
  node_ptr_.resize(schema().node_types.size());
  edge_ptr_.resize(schema().edge_types.size());
  offsets_.num_graphs = info().num_graphs;
  for (size_t t = 0; t < node_ptr_.size(); ++t) {
    GF_RETURN_IF_ERROR(LoadOffsets(OffsetsName(Level::kNode, t), manifest_->node_offsets[t],
                                   info().num_nodes[t], node_ptr_[t]));
    offsets_.node_ptr.push_back(node_ptr_[t]);
  }
  for (size_t t = 0; t < edge_ptr_.size(); ++t) {
    GF_RETURN_IF_ERROR(LoadOffsets(OffsetsName(Level::kEdge, t), manifest_->edge_offsets[t],
                                   info().num_edges[t], edge_ptr_[t]));
    offsets_.edge_ptr.push_back(edge_ptr_[t]);
  }
  row_ptr_.resize(schema().columns.size());
  for (size_t c = 0; c < row_ptr_.size(); ++c) {
    if (schema().columns[c].varying()) {
      GF_RETURN_IF_ERROR(LoadOffsets(RowOffsetsName(c), *manifest_->columns[c].row_offsets,
                                     info().columns[c].num_rows, row_ptr_[c]));
    }
    offsets_.row_ptr.push_back(row_ptr_[c]);
  }
  return absl::OkStatus();
}

absl::Status StoredDataset::LoadOffsets(const std::string& name, const StoredColumn& column,
                                        int64_t total, std::vector<int64_t>& offsets) {
  offsets.resize(static_cast<size_t>(column.storage.num_rows));
  auto* end = reinterpret_cast<char*>(offsets.data());
  GF_RETURN_IF_ERROR(Prefixed(name, ReadColumn(store_, column.storage, [&](absl::string_view rows) {
                                std::memcpy(end, rows.data(), rows.size());
                                end += rows.size();
                                return absl::OkStatus();
                              })));
  bool ascending = offsets.front() == 0 && offsets.back() == total;
  for (size_t g = 1; g < offsets.size(); ++g) ascending &= offsets[g - 1] <= offsets[g];
  if (ascending) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(name, ": they do not ascend from 0 to ", total));
}

absl::Status StoredDataset::CheckColumn(int column, bool strings) const {
  if (column < 0 || static_cast<size_t>(column) >= columns_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Name(), " has no column ", column, "; it has ", columns_.size()));
  }
  const bool holds_strings = schema().columns[column].dtype == DType::kString;
  if (holds_strings == strings) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(ColumnName(column), holds_strings ? " holds strings" : " holds no strings"));
}

absl::Status StoredDataset::VisitRows(int column, absl::Span<const RowRange> ranges,
                                      RowVisitor visitor) {
  GF_RETURN_IF_ERROR(CheckColumn(column, /*strings=*/false));
  absl::Status status = cache_.VisitRows(*columns_[column].rows, ranges, visitor);
  return status.ok() ? status : Prefixed(ColumnName(column), status);
}

absl::Status StoredDataset::GatherRows(int column, absl::Span<const int64_t> rows, std::byte* dst) {
  GF_RETURN_IF_ERROR(CheckColumn(column, /*strings=*/false));
  absl::Status status = cache_.GatherRows(*columns_[column].rows, rows, dst);
  return status.ok() ? status : Prefixed(ColumnName(column), status);
}

// Where the strings lie in the column's bytes, one after the other.
absl::StatusOr<std::vector<RowRange>> StoredDataset::StringBytes(
    int column, absl::Span<const RowRange> ranges) {
  const int64_t num_strings = info().columns[column].num_rows;
  std::vector<RowRange> offsets;  // a bound more than strings
  std::vector<size_t> first_bound;
  size_t num_bounds = 0;
  for (const RowRange& range : ranges) {
    if (range.first < 0 || range.count < 0 || range.first > num_strings - range.count) {
      return absl::InvalidArgumentError(absl::StrCat(ColumnName(column), " has no rows ",
                                                     range.first, " to ", range.first + range.count,
                                                     "; it has ", num_strings));
    }
    offsets.push_back({range.first, range.count + 1});
    first_bound.push_back(num_bounds);
    num_bounds += static_cast<size_t>(range.count) + 1;
  }
  const int64_t num_bytes = manifest_->columns[column].rows.storage.num_rows;
  std::vector<int64_t> bounds(num_bounds);
  const auto copy = [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
    std::memcpy(&bounds[first_bound[range] + static_cast<size_t>(offset)], rows,
                static_cast<size_t>(count) * sizeof(int64_t));
  };
  GF_RETURN_IF_ERROR(Prefixed(ColumnName(column),
                              cache_.VisitRows(*columns_[column].string_offsets, offsets, copy)));
  std::vector<RowRange> strings;
  for (size_t r = 0; r < ranges.size(); ++r) {
    const int64_t* bound = &bounds[first_bound[r]];
    for (int64_t i = 0; i < ranges[r].count; ++i, ++bound) {
      const int64_t begin = bound[0];
      const int64_t end = bound[1];
      if (begin < 0 || end < begin || end > num_bytes) {
        return absl::DataLossError(absl::StrCat(ColumnName(column), ": a string from byte ", begin,
                                                " to ", end, " of ", num_bytes));
      }
      strings.push_back({begin, end - begin});
    }
  }
  return strings;
}

absl::StatusOr<std::vector<std::string>> StoredDataset::ReadStrings(
    int column, absl::Span<const RowRange> ranges) {
  GF_RETURN_IF_ERROR(CheckColumn(column, /*strings=*/true));
  GF_ASSIGN_OR_RETURN(const std::vector<RowRange> bytes, StringBytes(column, ranges));
  std::vector<std::string> strings(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) strings[i].resize(bytes[i].count);
  const auto copy = [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
    std::memcpy(strings[range].data() + offset, rows, static_cast<size_t>(count));
  };
  GF_RETURN_IF_ERROR(
      Prefixed(ColumnName(column), cache_.VisitRows(*columns_[column].rows, bytes, copy)));
  return strings;
}

absl::StatusOr<std::vector<int64_t>> StoredDataset::StringSizes(int column, const RowRange& range) {
  GF_RETURN_IF_ERROR(CheckColumn(column, /*strings=*/true));
  GF_ASSIGN_OR_RETURN(const std::vector<RowRange> bytes, StringBytes(column, {range}));
  std::vector<int64_t> sizes;
  sizes.reserve(bytes.size());
  for (const RowRange& string : bytes) sizes.push_back(string.count);
  return sizes;
}

absl::Status StoredDataset::VerifyColumn(const StoredColumn& column) {
  Digester digester;
  GF_RETURN_IF_ERROR(ReadColumn(store_, column.storage, [&](absl::string_view rows) {
    digester.Update(rows);
    return absl::OkStatus();
  }));
  if (digester.Finish() == column.digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("its rows hash to ", DigestHex(digester.Finish()),
                                          " instead of ", DigestHex(column.digest)));
}

absl::Status StoredDataset::VerifyAdjacency(int edge_type) {
  const StoredAdjacency& lists = manifest_->adjacency[edge_type];
  const auto name = [&](absl::string_view column) {
    return absl::StrCat(Name(), ", ", AdjacencyName(schema(), edge_type, column));
  };
  GF_RETURN_IF_ERROR(Prefixed(name("in_ptr"), VerifyColumn(lists.in_ptr)));
  GF_RETURN_IF_ERROR(Prefixed(name("in_source"), VerifyColumn(lists.in_source)));
  GF_RETURN_IF_ERROR(Prefixed(name("in_edge_id"), VerifyColumn(lists.in_edge_id)));
  return Prefixed(absl::StrCat(Name(), ", adjacency of ", schema().EdgeTypeName(edge_type)),
                  CheckAdjacency(store_, EdgeListOf(*manifest_, edge_type), lists));
}

absl::Status StoredDataset::Verify() {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string name = ColumnName(static_cast<int>(i));
    const StoredData& data = manifest_->columns[i];
    GF_RETURN_IF_ERROR(Prefixed(name, VerifyColumn(data.rows)));
    if (data.string_offsets) {
      GF_RETURN_IF_ERROR(
          Prefixed(absl::StrCat(name, ", string offsets"), VerifyColumn(*data.string_offsets)));
    }
    if (data.row_offsets) {
      GF_RETURN_IF_ERROR(Prefixed(RowOffsetsName(i), VerifyColumn(*data.row_offsets)));
    }
  }
  for (const Level level : {Level::kNode, Level::kEdge}) {
    const auto& offsets = level == Level::kNode ? manifest_->node_offsets : manifest_->edge_offsets;
    for (size_t t = 0; t < offsets.size(); ++t) {
      GF_RETURN_IF_ERROR(Prefixed(OffsetsName(level, t), VerifyColumn(offsets[t])));
    }
  }
  for (size_t e = 0; e < manifest_->adjacency.size(); ++e) {
    GF_RETURN_IF_ERROR(VerifyAdjacency(static_cast<int>(e)));
  }
  const Fingerprint fingerprint = ComputeFingerprint(*manifest_);
  if (fingerprint == info().fingerprint) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(Name(), ": the fingerprint is ", DigestHex(fingerprint),
                                          " instead of ", DigestHex(info().fingerprint)));
}

}  // namespace

std::shared_ptr<const Manifest> ManifestOf(const Dataset& dataset) {
  const auto* stored = dynamic_cast<const StoredDataset*>(&dataset);
  GF_CHECK(stored != nullptr) << "a dataset of another catalog";
  return stored->manifest();
}

int64_t OffsetsBytes(const Manifest& manifest) {
  int64_t bytes = 0;
  const auto add = [&](const StoredColumn& column) {
    bytes += column.storage.num_rows * column.storage.row_bytes;
  };
  for (const StoredColumn& column : manifest.node_offsets) add(column);
  for (const StoredColumn& column : manifest.edge_offsets) add(column);
  for (const StoredData& column : manifest.columns) {
    if (column.row_offsets) add(*column.row_offsets);
  }
  return bytes;
}

absl::StatusOr<std::shared_ptr<Dataset>> LoadDataset(
    std::shared_ptr<const Manifest> manifest, ChunkStore& store, ChunkCache& cache,
    std::function<void(int64_t offsets_bytes)> on_close) {
  auto dataset =
      std::make_shared<StoredDataset>(std::move(manifest), store, cache, std::move(on_close));
  GF_RETURN_IF_ERROR(dataset->Load());
  return dataset;
}

}  // namespace graphfeed
