#ifndef GRAPHFEED_STORAGE_INGEST_ROW_OFFSETS_H_
#define GRAPHFEED_STORAGE_INGEST_ROW_OFFSETS_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/chunks/column_writer.h"
#include "storage/ingest/size_counts.h"

namespace graphfeed {

// Where the rows of each graph begin in a column of which every graph may have its own number of
// them. Nothing is written for as long as all have the same. Not thread-safe.
class RowOffsets {
 public:
  // Makes the writer of a new column of int64 rows.
  using Open = absl::FunctionRef<absl::StatusOr<ColumnWriter>()>;

  // Appends a graph.
  absl::Status Add(int64_t rows, Open open);

  // Whether two graphs have different numbers of rows: whether there is a writer.
  bool varying() const { return writer_.has_value(); }
  ColumnWriter& writer() { return *writer_; }              // where they vary
  const ColumnWriter& writer() const { return *writer_; }  // likewise
  SizeSummary Summary() const { return sizes_.Summary(); }
  int64_t memory_bytes() const { return writer_ ? writer_->memory_bytes() : 0; }
  void Discard() { writer_.reset(); }

 private:
  absl::Status Append(int64_t offset);

  int64_t num_graphs_ = 0;
  int64_t rows_of_each_ = 0;  // until they vary
  int64_t end_ = 0;
  SizeCounts sizes_;
  std::optional<ColumnWriter> writer_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_ROW_OFFSETS_H_
