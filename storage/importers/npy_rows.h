#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_ROWS_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dtype.h"
#include "storage/importers/npy_file.h"
#include "storage/importers/npy_schema.h"

namespace graphfeed {

// The rows of a column in .npy files, read in pieces. Not thread-safe.
class NpyRows {
 public:
  virtual ~NpyRows() = default;
  virtual std::string Title() const = 0;  // "x.npy (float32 (10, 3))"
  virtual DType dtype() const = 0;
  virtual int64_t num_rows() const = 0;
  virtual std::vector<int64_t> row_shape() const = 0;
  virtual int64_t row_bytes() const = 0;
  virtual bool zero_dim() const { return false; }  // one number
  // Appends `count` rows from `first` on, one after the other. They must exist.
  virtual absl::Status Read(int64_t first, int64_t count, std::string& rows) = 0;
};

// An array as rows: its slices along the first axis, or along the last one.
std::unique_ptr<NpyRows> ArrayRows(std::unique_ptr<NpyFile> file, bool along_last);

// A matrix in compressed sparse rows, as scipy.sparse.csr_matrix keeps it, made dense: the files
// PREFIX_indptr.npy, PREFIX_indices.npy and PREFIX_data.npy, without which all values are 1
// (float32). INVALID_ARGUMENT when the files contradict each other or a row names a column twice or
// one that is not below `num_columns`.
absl::StatusOr<std::unique_ptr<NpyRows>> OpenCsrRows(const std::string& prefix,
                                                     int64_t num_columns);

// The same values in another dtype: integers and bool in any dtype that holds them all, float in
// another float. INVALID_ARGUMENT names a value that cannot be held.
absl::StatusOr<std::unique_ptr<NpyRows>> ConvertRows(std::unique_ptr<NpyRows> rows, DType dtype);

// The rows of a column that a schema describes.
absl::StatusOr<std::unique_ptr<NpyRows>> OpenColumnRows(const NpyColumn& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_ROWS_H_
