#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_SIZE_CURSOR_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_SIZE_CURSOR_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/importers/npy_file.h"
#include "storage/importers/npy_rows.h"
#include "storage/importers/npy_schema.h"

namespace graphfeed {

// Sizes of a collection's graphs, one after the other, from offsets or from counts.
class SizeCursor {
 public:
  static absl::StatusOr<SizeCursor> Create(const NpySizes& sizes) {
    const bool offsets = !sizes.ptr.empty();
    GF_ASSIGN_OR_RETURN(auto file, NpyFile::Open(offsets ? sizes.ptr : sizes.counts));
    GF_ASSIGN_OR_RETURN(NpyIntegers integers, NpyIntegers::Create(std::move(file)));
    if (offsets && integers.size() == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(integers.file().name(), " is empty; offsets are one more than graphs"));
    }
    SizeCursor cursor(std::move(integers), offsets);
    GF_RETURN_IF_ERROR(cursor.Start());
    return cursor;
  }

  const std::string& name() const { return integers_.file().name(); }
  int64_t num_graphs() const { return integers_.size() - (offsets_ ? 1 : 0); }
  int64_t sum() const { return sum_; }  // of the sizes returned since the last Start

  absl::Status Start() {
    integers_.Rewind();
    sum_ = 0;
    if (!offsets_) return absl::OkStatus();
    GF_ASSIGN_OR_RETURN(const int64_t first, integers_.Next());
    if (first != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(name(), " begins with ", first, "; offsets begin with 0"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Next() {
    GF_ASSIGN_OR_RETURN(const int64_t number, integers_.Next());
    const int64_t size = offsets_ ? number - sum_ : number;
    if (number < 0 || size < 0 || __builtin_add_overflow(sum_, size, &sum_)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name(), ": entry ", integers_.position() - 1, " is ", number,
                       offsets_ ? "; offsets ascend from 0" : "; that is no count"));
    }
    return size;
  }

 private:
  SizeCursor(NpyIntegers integers, bool offsets)
      : integers_(std::move(integers)), offsets_(offsets) {}

  NpyIntegers integers_;
  bool offsets_;
  int64_t sum_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_SIZE_CURSOR_H_
