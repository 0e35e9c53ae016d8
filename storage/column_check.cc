#include "storage/column_check.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace graphfeed {

ColumnCheck::ColumnCheck(absl::Span<const ColumnChunks> stored, std::string listing)
    : listing_(std::move(listing)) {
  for (const ColumnChunks& column : stored) num_chunks_[column.column] = column.num_chunks;
}

absl::Status ColumnCheck::Check(const Manifest& manifest) const {
  for (const ColumnStorage& column : manifest.storages()) {
    const auto it = num_chunks_.find(column.uid);
    const int64_t have = it == num_chunks_.end() ? 0 : it->second;
    if (have >= column.num_chunks()) continue;
    return absl::DataLossError(absl::StrCat("dataset \"", manifest.info.name, "@",
                                            manifest.info.version, "\" has ", column.num_chunks(),
                                            " chunks in column ", column.uid, ", of which ",
                                            listing_, " lists ", have, ": it is damaged"));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
