#include "storage/importers/npy_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/base/status_macros.h"
#include "storage/graph/element_access.h"

namespace graphfeed {
namespace {

constexpr int64_t kReadAheadNumbers = 8192;

}  // namespace

absl::StatusOr<std::unique_ptr<NpyFile>> NpyFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  return FromDescriptor(fd, path);
}

absl::StatusOr<std::unique_ptr<NpyFile>> NpyFile::FromDescriptor(int fd, std::string name) {
  std::unique_ptr<NpyFile> file(new NpyFile(fd, std::move(name)));
  if (absl::Status status = file->Init(); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(file->name_, ": ", status.message()));
  }
  return file;
}

NpyFile::~NpyFile() { ::close(fd_); }

absl::Status NpyFile::Init() {
  struct stat info;
  if (::fstat(fd_, &info) != 0) return absl::ErrnoToStatus(errno, "cannot be examined");
  if (!S_ISREG(info.st_mode)) return absl::InvalidArgumentError("is no regular file");
  std::string head(std::min<size_t>(info.st_size, kMaxNpyHeaderBytes), '\0');
  GF_RETURN_IF_ERROR(ReadAt(0, static_cast<int64_t>(head.size()), head.data()));
  GF_ASSIGN_OR_RETURN(header_, ParseNpyHeader(head));
  if (header_.fortran_order && header_.shape.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat("is in Fortran order and has ",
                                                   header_.shape.size(),
                                                   " axes; save np.ascontiguousarray(a)"));
  }
  int64_t bytes = 0;
  if (__builtin_mul_overflow(header_.num_elements, static_cast<int64_t>(SizeOf(header_.dtype)),
                             &bytes)) {
    return absl::InvalidArgumentError("its header promises more than 2^63 bytes");
  }
  const int64_t present = info.st_size - header_.data_offset;
  if (bytes != present) {
    return absl::DataLossError(
        absl::StrCat("its header promises ", bytes, " bytes of data; the file has ", present));
  }
  return absl::OkStatus();
}

absl::Status NpyFile::ReadAt(int64_t offset, int64_t count, char* bytes) const {
  while (count > 0) {
    const ssize_t got = ::pread(fd_, bytes, static_cast<size_t>(count), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name_));
    if (got == 0) return absl::DataLossError(absl::StrCat(name_, " became shorter while read"));
    offset += got;
    count -= got;
    bytes += got;
  }
  return absl::OkStatus();
}

std::string NpyFile::ShapeText() const {
  return absl::StrCat(DTypeName(header_.dtype), " (", absl::StrJoin(header_.shape, ", "), ")");
}

int64_t NpyFile::NumRows(bool along_last) const {
  if (header_.shape.empty()) return 1;
  return along_last ? header_.shape.back() : header_.shape.front();
}

std::vector<int64_t> NpyFile::RowShape(bool along_last) const {
  std::vector<int64_t> shape = header_.shape;
  if (!shape.empty()) shape.erase(along_last ? shape.end() - 1 : shape.begin());
  return shape;
}

int64_t NpyFile::RowBytes(bool along_last) const {
  int64_t elements = 1;
  for (const int64_t dim : RowShape(along_last)) {
    // A huge axis beside an empty one: there is nothing to read.
    if (__builtin_mul_overflow(elements, dim, &elements)) return 0;
  }
  int64_t bytes = 0;
  return __builtin_mul_overflow(elements, static_cast<int64_t>(SizeOf(header_.dtype)), &bytes)
             ? 0
             : bytes;
}

bool NpyFile::Contiguous(bool along_last) const {
  return header_.shape.size() < 2 || along_last == header_.fortran_order;
}

absl::Status NpyFile::ReadRows(bool along_last, int64_t first, int64_t count, std::string& rows) {
  const int64_t row_bytes = RowBytes(along_last);
  const size_t begin = rows.size();
  if (row_bytes == 0 || count == 0) return absl::OkStatus();
  rows.resize(begin + count * row_bytes);
  if (Contiguous(along_last)) {
    return ReadAt(header_.data_offset + first * row_bytes, count * row_bytes, rows.data() + begin);
  }
  // The rows' first elements lie together, then their second ones, and so on.
  const auto size = static_cast<int64_t>(SizeOf(header_.dtype));
  const int64_t num_rows = NumRows(along_last);
  scratch_.resize(count * size);
  for (int64_t e = 0; e < row_bytes / size; ++e) {
    GF_RETURN_IF_ERROR(
        ReadAt(header_.data_offset + (e * num_rows + first) * size, count * size, scratch_.data()));
    char* out = rows.data() + begin + e * size;
    for (int64_t r = 0; r < count; ++r) {
      std::memcpy(out + r * row_bytes, scratch_.data() + r * size, size);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<NpyIntegers> NpyIntegers::Create(std::unique_ptr<NpyFile> file) {
  if (file->header().shape.size() != 1 || !IsInteger(file->header().dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file->name(), " is ", file->ShapeText(),
                     "; sizes and offsets are integers in one dimension"));
  }
  return NpyIntegers(std::move(file));
}

absl::StatusOr<int64_t> NpyIntegers::Next() {
  if (next_ >= buffer_first_ + buffer_count_) {
    buffer_.clear();
    buffer_first_ = next_;
    buffer_count_ = std::min(kReadAheadNumbers, size() - next_);
    GF_RETURN_IF_ERROR(file_->ReadRows(false, buffer_first_, buffer_count_, buffer_));
  }
  const DType dtype = file_->header().dtype;
  const int64_t at = next_++ - buffer_first_;
  return LoadInt(dtype, buffer_.data() + at * SizeOf(dtype));
}

void NpyIntegers::Rewind() {
  next_ = 0;
  buffer_first_ = 0;
  buffer_count_ = 0;
}

}  // namespace graphfeed
