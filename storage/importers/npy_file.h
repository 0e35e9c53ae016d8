#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_FILE_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// What the header of a .npy file says.
struct NpyHeader {
  DType dtype = DType::kFloat32;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t num_elements = 1;
  int64_t data_offset = 0;  // of the first element, from the file's start
};

// Longest header that is read; numpy's own take 128 bytes.
inline constexpr size_t kMaxNpyHeaderBytes = 64 << 10;

// Parses the beginning of a file (format versions 1.0, 2.0, 3.0). `bytes` holds the whole header,
// or the first kMaxNpyHeaderBytes of the file. INVALID_ARGUMENT for what is no .npy file or holds
// elements that columns cannot: structured, object, text, complex, big-endian, uint16 to uint64.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view bytes);

// A .npy file read in pieces; never in memory as a whole. Not thread-safe.
class NpyFile {
 public:
  // Errors name the path. DATA_LOSS if the file is shorter or longer than its header says.
  static absl::StatusOr<std::unique_ptr<NpyFile>> Open(const std::string& path);
  // Takes the descriptor; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<NpyFile>> FromDescriptor(int fd, std::string name);
  ~NpyFile();
  NpyFile(const NpyFile&) = delete;
  NpyFile& operator=(const NpyFile&) = delete;

  const std::string& name() const { return name_; }
  const NpyHeader& header() const { return header_; }
  std::string ShapeText() const;  // "float32 (10, 3)"

  // The array as rows: its slices along the first axis or, with `along_last`, along the last one;
  // a row's elements are in C order. A 0-dim array is one row. Rows that the file scatters
  // (edge_index [2, E] along the last axis) are gathered with one read for each element of a row.
  // Arrays in Fortran order have at most two axes.
  int64_t NumRows(bool along_last) const;
  std::vector<int64_t> RowShape(bool along_last) const;
  int64_t RowBytes(bool along_last) const;

  // Appends `count` rows from `first` on, one after the other. They must exist.
  absl::Status ReadRows(bool along_last, int64_t first, int64_t count, std::string& rows);

 private:
  NpyFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  absl::Status Init();
  absl::Status ReadAt(int64_t offset, int64_t count, char* bytes) const;
  // Whether such rows lie one after the other in the file.
  bool Contiguous(bool along_last) const;

  int fd_;
  std::string name_;
  NpyHeader header_;
  std::string scratch_;
};

// The integers of a 1-dim .npy file one by one, read ahead in small pieces.
class NpyIntegers {
 public:
  // INVALID_ARGUMENT unless the array is 1-dim and has an integer dtype.
  static absl::StatusOr<NpyIntegers> Create(std::unique_ptr<NpyFile> file);

  int64_t size() const { return file_->NumRows(false); }
  int64_t position() const { return next_; }  // of the next number
  const NpyFile& file() const { return *file_; }
  // Requires position() < size().
  absl::StatusOr<int64_t> Next();
  void Rewind();

 private:
  explicit NpyIntegers(std::unique_ptr<NpyFile> file) : file_(std::move(file)) {}

  std::unique_ptr<NpyFile> file_;
  std::string buffer_;
  int64_t buffer_first_ = 0;  // number of the buffer's first element
  int64_t buffer_count_ = 0;
  int64_t next_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_FILE_H_
