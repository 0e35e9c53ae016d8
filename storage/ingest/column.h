#ifndef GRAPHFEED_STORAGE_INGEST_COLUMN_H_
#define GRAPHFEED_STORAGE_INGEST_COLUMN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/chunks/column_writer.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"
#include "storage/ingest/column_levels.h"
#include "storage/ingest/row_offsets.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// A column of a running ingest: what it is, what its row counts say about its level, its extreme
// values, and its writers. Not thread-safe.
class IngestColumn {
 public:
  // `kind` is a checked block of the column, of which the rows are ignored, and `open` whether
  // there are none; `first_graph` the graph that brought it.
  IngestColumn(const Schema& types, const ColumnBlock& kind, std::optional<Level> declared,
               int64_t first_graph, bool open);

  // INVALID_ARGUMENT unless the block has the same dtype, shape and marks. An empty one may have
  // any, and as long as there were only empty ones the column takes those of the first that is not.
  // The block comes after `num_graphs` graphs.
  absl::Status CheckSameKind(const ColumnBlock& block, bool empty, int64_t num_graphs);

  // Notes the rows of one graph; INVALID_ARGUMENT if they contradict a declared level or
  // the column's name. `open` makes a column of offsets, once one is needed.
  absl::Status Count(const RowCount& count, RowOffsets::Open open);

  // Writes all rows of a checked block. INVALID_ARGUMENT names a value that the dtype lacks.
  absl::Status Write(const ColumnBlock& block, int64_t num_rows);
  absl::Status Finish();

  // Decides the level; requires that something was counted.
  absl::StatusOr<ColumnSchema> MakeSchema(const Schema& types) const;
  // Once the schema is made: the column of row offsets that it does not need, if there is one. Its
  // writer is gone.
  std::optional<uint64_t> DropRowOffsets(const ColumnSchema& schema);
  ColumnInfo info() const;
  StoredData stored() const;  // complete after Finish

  const ColumnBlock& kind() const { return kind_; }
  bool is_open() const { return open_; }  // all blocks were empty: the kind may still change
  int64_t first_graph() const { return first_graph_; }
  int64_t num_rows() const { return num_rows_; }
  int64_t memory_bytes() const;
  bool has_writers() const { return rows_.has_value(); }

  // Before the first Write. `string_offsets` is for strings only.
  void SetWriters(ColumnWriter rows, std::optional<ColumnWriter> string_offsets);

 private:
  LevelQuestion question() const;
  absl::Status WriteStrings(const std::vector<std::string>& strings);

  const bool collection_;
  ColumnBlock kind_;
  const std::optional<Level> declared_;
  int64_t first_graph_;
  bool open_;
  LevelEvidence evidence_;
  ValueRange values_;
  int64_t num_rows_ = 0;
  int64_t string_bytes_ = 0;
  std::optional<ColumnWriter> rows_;
  std::optional<ColumnWriter> string_offsets_;
  RowOffsets row_offsets_;  // while the column may turn out to need them
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_COLUMN_H_
