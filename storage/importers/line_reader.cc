#include "storage/importers/line_reader.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  return FromDescriptor(fd, path);
}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::FromDescriptor(int fd, std::string name) {
  gzFile_s* file = gzdopen(fd, "rb");
  if (file == nullptr) {
    ::close(fd);
    return absl::ResourceExhaustedError(absl::StrCat("no memory to read ", name));
  }
  gzbuffer(file, kBufferBytes / 2);
  return std::unique_ptr<LineReader>(new LineReader(file, std::move(name)));
}

LineReader::LineReader(gzFile_s* file, std::string name)
    : file_(file), name_(std::move(name)), buffer_(kBufferBytes) {}

LineReader::~LineReader() { gzclose_r(file_); }

int64_t LineReader::bytes_read() const { return gzoffset(file_); }

absl::Status LineReader::Error(absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(name_, ":", line_, ": ", what));
}

// Reads more behind the unread bytes, which move to the buffer's front.
absl::Status LineReader::Fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= kMaxLineBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          name_, ":", line_ + 1, ": the line has more than ", kMaxLineBytes, " bytes"));
    }
    buffer_.resize(2 * buffer_.size());
  }
  const int count =
      gzread(file_, buffer_.data() + end_, static_cast<unsigned>(buffer_.size() - end_));
  int error = Z_OK;
  const char* reason = gzerror(file_, &error);
  if (count < 0 || error != Z_OK) {
    if (error == Z_ERRNO) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name_));
    return absl::DataLossError(absl::StrCat(name_, " is a damaged gzip file: ", reason));
  }
  end_ += static_cast<size_t>(count);
  at_end_ = count == 0;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<absl::string_view>> LineReader::Next() {
  size_t searched = 0;  // bytes after begin_ known to hold no line end
  while (true) {
    const char* unread = buffer_.data() + begin_;
    const size_t size = end_ - begin_;
    const void* found =
        size > searched ? std::memchr(unread + searched, '\n', size - searched) : nullptr;
    if (found == nullptr && !at_end_) {
      searched = size;
      GF_RETURN_IF_ERROR(Fill());
      continue;
    }
    if (found == nullptr && size == 0) return std::nullopt;
    size_t length = found == nullptr ? size : static_cast<const char*>(found) - unread;
    begin_ += found == nullptr ? size : length + 1;
    ++line_;
    if (length > 0 && unread[length - 1] == '\r') --length;
    return absl::string_view(unread, length);
  }
}

}  // namespace graphfeed
