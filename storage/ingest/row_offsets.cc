#include "storage/ingest/row_offsets.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
absl::Status RowOffsets::Append(int64_t offset) {
  std::string bytes;
  AppendInt64(offset, bytes);
  return writer_->Append(1, bytes);
}

absl::Status RowOffsets::Add(int64_t rows, Open open) {
  if (rows > kMaxTotalSize - end_) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph ", num_graphs_, ": the graphs so far have ", end_,
                     " rows and this one ", rows, "; the limit is ", kMaxTotalSize));
  }
  if (num_graphs_ == 0) rows_of_each_ = rows;
  if (!writer_ && rows != rows_of_each_) {
    GF_ASSIGN_OR_RETURN(ColumnWriter writer, open());
    writer_.emplace(std::move(writer));
    for (int64_t g = 0; g <= num_graphs_; ++g) GF_RETURN_IF_ERROR(Append(g * rows_of_each_));
  }
  sizes_.Add(rows);
  ++num_graphs_;
  end_ += rows;
  return writer_ ? Append(end_) : absl::OkStatus();
}

}  // namespace graphfeed
