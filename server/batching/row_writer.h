#ifndef GRAPHFEED_SERVER_BATCHING_ROW_WRITER_H_
#define GRAPHFEED_SERVER_BATCHING_ROW_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// Writes stored rows into the block of one tensor of one micro-batch, in the dtype and arrangement
// of the batch: rows one after the other, or, with `concat_last`, transposed, so that each of a
// row's elements has a run of its own (edge_index: sources, then targets). A value type; cheap to
// make. Every function writes exactly the rows it names.
class RowWriter {
 public:
  // `block_rows` rows of `row_elements` elements. `from` is the stored dtype, `to` the batch's:
  // equal, or int64 to int32, or float32 and float64 to float16.
  RowWriter(DType from, DType to, int64_t row_elements, bool concat_last, int64_t block_rows)
      : from_(from),
        to_(to),
        elements_(row_elements),
        concat_last_(concat_last && row_elements > 1),
        block_rows_(block_rows) {}

  // Rows [row, row + count) of the block from `rows`.
  void Write(const std::byte* rows, int64_t count, int64_t row, std::byte* block) const;

  // The same for node indices: element j of each row is shifted by shift[j].
  void WriteShifted(const std::byte* rows, int64_t count, int64_t row, const int64_t* shift,
                    std::byte* block) const;

  // Rows [row, block_rows) hold `value` in every element.
  void Pad(double value, int64_t row, std::byte* block) const;

 private:
  template <typename From, typename To>
  void Convert(const std::byte* rows, int64_t count, int64_t row, std::byte* block) const;
  template <typename From, typename To>
  void Shift(const std::byte* rows, int64_t count, int64_t row, const int64_t* shift,
             std::byte* block) const;

  DType from_;
  DType to_;
  int64_t elements_;
  bool concat_last_;
  int64_t block_rows_;
};

// block[i] = i-th graph's number, for the elements [ptr[i], ptr[i + 1]) of each graph: `batch`.
// `dtype` is int32 or int64, here and below.
void WriteOrdinals(DType dtype, const int64_t* ptr, int64_t num_graphs, std::byte* block);

// `count` numbers: `ptr`.
void WriteNumbers(DType dtype, const int64_t* numbers, int64_t count, std::byte* block);

// Elements [begin, begin + count) of a row of places, widened to the dtype; then `pad` up to `end`.
void WritePlaces(DType dtype, const int32_t* places, int64_t begin, int64_t count, int64_t pad,
                 int64_t end, std::byte* row);

// The elements [begin, end) of both rows of an edge_index block of `block_edges` edges.
void WriteEdges(DType dtype, int64_t source, int64_t target, int64_t begin, int64_t end,
                int64_t block_edges, std::byte* block);

// Renumbers element [begin, end) of one row of an edge_index block, whose values are the first
// node `first` of their graph plus a stored local id: new_id[local id] takes its place.
void Renumber(DType dtype, absl::Span<const int64_t> new_id, int64_t first, int64_t begin,
              int64_t end, std::byte* row);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_ROW_WRITER_H_
