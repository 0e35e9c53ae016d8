#ifndef GRAPHFEED_STORAGE_IMPORTERS_LINE_READER_H_
#define GRAPHFEED_STORAGE_IMPORTERS_LINE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct gzFile_s;

namespace graphfeed {

// Lines of a text file, plain or gzipped (told by its first bytes, not by its name). Memory: one
// buffer, which grows to the longest line.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = 4 << 20;

  // NOT_FOUND, PERMISSION_DENIED and the like name the path.
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path);
  // Takes the descriptor; `name` is for messages.
  static absl::StatusOr<std::unique_ptr<LineReader>> FromDescriptor(int fd, std::string name);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its "\n" or "\r\n", valid until the next call; nullopt at the end.
  // DATA_LOSS for a damaged or truncated gzip file, INVALID_ARGUMENT for an endless line.
  absl::StatusOr<std::optional<absl::string_view>> Next();

  const std::string& name() const { return name_; }
  int64_t line() const { return line_; }  // number of the line last returned, from 1
  int64_t bytes_read() const;             // of the file as it lies on disk

  // INVALID_ARGUMENT "NAME:LINE: what" about the line last returned.
  absl::Status Error(absl::string_view what) const;

 private:
  LineReader(gzFile_s* file, std::string name);
  absl::Status Fill();

  gzFile_s* file_;
  std::string name_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // unread bytes are [begin_, end_)
  size_t end_ = 0;
  bool at_end_ = false;
  int64_t line_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_LINE_READER_H_
