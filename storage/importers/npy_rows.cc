#include "storage/importers/npy_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/column_names.h"
#include "storage/graph/element_access.h"

namespace graphfeed {
namespace {

class DenseRows final : public NpyRows {
 public:
  DenseRows(std::unique_ptr<NpyFile> file, bool along_last)
      : file_(std::move(file)), along_last_(along_last) {}

  std::string Title() const override {
    return absl::StrCat(file_->name(), " (", file_->ShapeText(), ")");
  }
  DType dtype() const override { return file_->header().dtype; }
  int64_t num_rows() const override { return file_->NumRows(along_last_); }
  std::vector<int64_t> row_shape() const override { return file_->RowShape(along_last_); }
  int64_t row_bytes() const override { return file_->RowBytes(along_last_); }
  bool zero_dim() const override { return file_->header().shape.empty(); }
  absl::Status Read(int64_t first, int64_t count, std::string& rows) override {
    return file_->ReadRows(along_last_, first, count, rows);
  }

 private:
  const std::unique_ptr<NpyFile> file_;
  const bool along_last_;
};

absl::StatusOr<std::unique_ptr<NpyFile>> OpenVector(const std::string& path, bool integers) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<NpyFile> file, NpyFile::Open(path));
  if (file->header().shape.size() == 1 && (!integers || IsInteger(file->header().dtype))) {
    return file;
  }
  return absl::InvalidArgumentError(absl::StrCat(path, " is ", file->ShapeText(),
                                                 "; a sparse matrix has vectors",
                                                 integers ? " of integers here" : ""));
}

class CsrRows final : public NpyRows {
 public:
  static absl::StatusOr<std::unique_ptr<NpyRows>> Open(const std::string& prefix,
                                                       int64_t num_columns) {
    auto rows = std::make_unique<CsrRows>();
    rows->num_columns_ = num_columns;
    GF_ASSIGN_OR_RETURN(rows->indptr_, OpenVector(prefix + "_indptr.npy", true));
    GF_ASSIGN_OR_RETURN(rows->indices_, OpenVector(prefix + "_indices.npy", true));
    absl::StatusOr<std::unique_ptr<NpyFile>> data = OpenVector(prefix + "_data.npy", false);
    if (!data.ok() && !absl::IsNotFound(data.status())) return data.status();
    if (data.ok()) rows->data_ = *std::move(data);
    GF_RETURN_IF_ERROR(rows->Check());
    return rows;
  }

  std::string Title() const override {
    return absl::StrCat(indptr_->name(), " (", num_rows(), " sparse rows of ", num_columns_, ")");
  }
  DType dtype() const override {
    return data_ == nullptr ? DType::kFloat32 : data_->header().dtype;
  }
  int64_t num_rows() const override { return indptr_->NumRows(false) - 1; }
  std::vector<int64_t> row_shape() const override { return {num_columns_}; }
  int64_t row_bytes() const override {
    return num_columns_ * static_cast<int64_t>(SizeOf(dtype()));
  }

  absl::Status Read(int64_t first, int64_t count, std::string& rows) override {
    ends_.clear();
    GF_RETURN_IF_ERROR(indptr_->ReadRows(false, first, count + 1, ends_));
    for (int64_t r = 0; r < count; ++r) GF_RETURN_IF_ERROR(CheckRow(first + r, End(r), End(r + 1)));
    const int64_t begin = End(0);
    const int64_t num_values = End(count) - begin;
    columns_.clear();
    GF_RETURN_IF_ERROR(indices_->ReadRows(false, begin, num_values, columns_));
    GF_RETURN_IF_ERROR(ReadValues(begin, num_values));
    const size_t out = rows.size();
    rows.resize(out + static_cast<size_t>(count * row_bytes()));
    const auto size = static_cast<int64_t>(SizeOf(dtype()));
    std::vector<int64_t> seen(static_cast<size_t>(num_columns_), -1);  // the last row with it
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = End(r) - begin; i < End(r + 1) - begin; ++i) {
        const DType index_dtype = indices_->header().dtype;
        const int64_t column = LoadInt(index_dtype, columns_.data() + i * SizeOf(index_dtype));
        if (column < 0 || column >= num_columns_) {
          return Error(
              indices_, first + r,
              absl::StrCat("column ", column, "; there are ", num_columns_, " (num_columns)"));
        }
        if (std::exchange(seen[column], r) == r) {
          return Error(indices_, first + r, absl::StrCat("column ", column, " twice"));
        }
        std::memcpy(rows.data() + out + r * row_bytes() + column * size, values_.data() + i * size,
                    size);
      }
    }
    return absl::OkStatus();
  }

 private:
  int64_t End(int64_t row) const {
    const DType dtype = indptr_->header().dtype;
    return LoadInt(dtype, ends_.data() + row * SizeOf(dtype));
  }
  absl::Status Error(const std::unique_ptr<NpyFile>& file, int64_t row,
                     absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(file->name(), ": row ", row, " has ", what));
  }
  // A row has no more values than columns, so that a piece of the files bounds the memory.
  absl::Status CheckRow(int64_t row, int64_t begin, int64_t end) const {
    if (begin < 0 || end < begin || end > indices_->NumRows(false) || end - begin > num_columns_) {
      return Error(indptr_, row,
                   absl::StrCat("the values ", begin, " to ", end, "; there are ",
                                indices_->NumRows(false), ", and ", num_columns_, " columns"));
    }
    return absl::OkStatus();
  }
  absl::Status ReadValues(int64_t begin, int64_t count) {
    values_.clear();
    if (data_ != nullptr) return data_->ReadRows(false, begin, count, values_);
    values_.resize(static_cast<size_t>(count) * sizeof(float));
    Fill(DType::kFloat32, 1, static_cast<size_t>(count),
         reinterpret_cast<std::byte*>(values_.data()));
    return absl::OkStatus();
  }
  absl::Status Check() const {
    if (indptr_->NumRows(false) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(indptr_->name(), " is empty; it has one entry more than rows"));
    }
    if (data_ != nullptr && indices_->NumRows(false) != data_->NumRows(false)) {
      return absl::InvalidArgumentError(absl::StrCat(indices_->name(), " has ",
                                                     indices_->NumRows(false), " entries, ",
                                                     data_->name(), " ", data_->NumRows(false)));
    }
    return absl::OkStatus();
  }

  int64_t num_columns_ = 0;
  std::unique_ptr<NpyFile> indptr_;
  std::unique_ptr<NpyFile> indices_;
  std::unique_ptr<NpyFile> data_;  // null: ones
  std::string ends_;
  std::string columns_;
  std::string values_;
};

class ConvertedRows final : public NpyRows {
 public:
  ConvertedRows(std::unique_ptr<NpyRows> rows, DType dtype)
      : rows_(std::move(rows)), dtype_(dtype) {}

  std::string Title() const override { return rows_->Title(); }
  DType dtype() const override { return dtype_; }
  int64_t num_rows() const override { return rows_->num_rows(); }
  std::vector<int64_t> row_shape() const override { return rows_->row_shape(); }
  int64_t row_bytes() const override {
    return rows_->row_bytes() / static_cast<int64_t>(SizeOf(rows_->dtype())) *
           static_cast<int64_t>(SizeOf(dtype_));
  }
  bool zero_dim() const override { return rows_->zero_dim(); }

  absl::Status Read(int64_t first, int64_t count, std::string& rows) override {
    given_.clear();
    GF_RETURN_IF_ERROR(rows_->Read(first, count, given_));
    const DType from = rows_->dtype();
    const size_t elements = given_.size() / SizeOf(from);
    const size_t out = rows.size();
    rows.resize(out + elements * SizeOf(dtype_));
    const char* src = given_.data();
    char* dst = rows.data() + out;
    for (size_t i = 0; i < elements; ++i, src += SizeOf(from), dst += SizeOf(dtype_)) {
      if (IsFloat(from)) {
        StoreFloat(dtype_, LoadFloat(from, src), dst);
        continue;
      }
      const int64_t value = LoadInt(from, src);
      const bool held = IsFloat(dtype_) ? StoreWhole(value, dst)
                                        : (dtype_ != DType::kBool || value == 0 || value == 1) &&
                                              StoreInt(dtype_, value, dst);
      if (!held) {
        const int64_t per_row = std::max<int64_t>(static_cast<int64_t>(elements) / count, 1);
        return absl::InvalidArgumentError(
            absl::StrCat(Title(), ": row ", first + static_cast<int64_t>(i) / per_row, " has ",
                         value, ", which ", DTypeName(dtype_), " cannot hold"));
      }
    }
    return absl::OkStatus();
  }

 private:
  // False if the float is another number.
  bool StoreWhole(int64_t value, char* dst) const {
    const auto number = static_cast<double>(value);
    StoreFloat(dtype_, number, dst);
    return LoadFloat(dtype_, dst) == number && static_cast<__int128>(number) == value;
  }

  const std::unique_ptr<NpyRows> rows_;
  const DType dtype_;
  std::string given_;
};

}  // namespace

std::unique_ptr<NpyRows> ArrayRows(std::unique_ptr<NpyFile> file, bool along_last) {
  return std::make_unique<DenseRows>(std::move(file), along_last);
}

absl::StatusOr<std::unique_ptr<NpyRows>> OpenCsrRows(const std::string& prefix,
                                                     int64_t num_columns) {
  return CsrRows::Open(prefix, num_columns);
}

absl::StatusOr<std::unique_ptr<NpyRows>> ConvertRows(std::unique_ptr<NpyRows> rows, DType dtype) {
  if (rows->dtype() == dtype) return rows;
  if (dtype == DType::kString || (IsFloat(rows->dtype()) && !IsFloat(dtype))) {
    return absl::InvalidArgumentError(absl::StrCat(rows->Title(), ": its values do not become ",
                                                   DTypeName(dtype), " without loss"));
  }
  return std::make_unique<ConvertedRows>(std::move(rows), dtype);
}

absl::StatusOr<std::unique_ptr<NpyRows>> OpenColumnRows(const NpyColumn& spec) {
  std::unique_ptr<NpyRows> rows;
  if (spec.csr_columns > 0) {
    GF_ASSIGN_OR_RETURN(rows, OpenCsrRows(spec.path, spec.csr_columns));
  } else {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<NpyFile> file, NpyFile::Open(spec.path));
    const std::vector<int64_t>& shape = file->header().shape;
    // [2, E], unless it can only be [E, 2].
    const bool pairs =
        spec.name == "edge_index" && shape.size() == 2 && shape[0] != 2 && shape[1] == 2;
    const bool along_last =
        spec.along_last.value_or(NameSaysIndex(spec.name) && shape.size() >= 2 && !pairs);
    rows = ArrayRows(std::move(file), along_last);
  }
  if (!spec.dtype.has_value()) return rows;
  return ConvertRows(std::move(rows), *spec.dtype);
}

}  // namespace graphfeed
