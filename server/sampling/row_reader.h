#ifndef GRAPHFEED_SERVER_SAMPLING_ROW_READER_H_
#define GRAPHFEED_SERVER_SAMPLING_ROW_READER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/sampling/graph_view.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Reads columns of one value a row, converted. Thread-compatible; keeps its buffers.
class RowReader {
 public:
  // values[i] = the value of row rows[i]. An integer (or bool) column.
  absl::Status ReadIntegers(const GraphView& graph, int column, absl::Span<const int64_t> rows,
                            absl::Span<int64_t> values);
  // A float column.
  absl::Status ReadFloats(const GraphView& graph, int column, absl::Span<const int64_t> rows,
                          absl::Span<double> values);

 private:
  // Neighbouring rows are asked for as one range.
  void MakeRanges(absl::Span<const int64_t> rows);

  std::vector<RowRange> ranges_;
  std::vector<size_t> starts_;  // of the ranges' values
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_ROW_READER_H_
