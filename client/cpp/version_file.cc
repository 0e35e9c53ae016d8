#include "client/cpp/version_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/ingest_sequence.h"
#include "proto/wire/limits.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kMagic = "GFVERS1\n";

// Before each record: its length and the XXH3-64 of its bytes, seeded with its number, so that one
// that is missing or elsewhere is found.
struct RecordHeader {
  static constexpr size_t kBytes = 12;
  uint32_t length = 0;
  uint64_t checksum = 0;

  std::array<char, kBytes> Encode() const {
    std::array<char, kBytes> bytes;
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
    for (int i = 0; i < 8; ++i) bytes[4 + i] = static_cast<char>(checksum >> (8 * i));
    return bytes;
  }
  static RecordHeader Decode(const char* bytes) {
    RecordHeader header;
    for (int i = 0; i < 4; ++i)
      header.length |= uint32_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    for (int i = 0; i < 8; ++i) {
      header.checksum |= uint64_t{static_cast<uint8_t>(bytes[4 + i])} << (8 * i);
    }
    return header;
  }
};

absl::Status FileError(absl::string_view doing, const std::string& path) {
  const int error = errno;
  const std::string what = absl::StrCat(doing, " \"", path, "\": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(what);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(what);
  return absl::FailedPreconditionError(what);
}

class File {
 public:
  static absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, const char* mode) {
    std::FILE* file = std::fopen(path.c_str(), mode);
    if (file == nullptr) return FileError("cannot open", path);
    return std::make_unique<File>(file, path);
  }
  File(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  ~File() {
    if (file_ != nullptr) std::fclose(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }

  // Fewer bytes only at the end of the file.
  absl::StatusOr<size_t> Read(char* to, size_t size) {
    const size_t read = std::fread(to, 1, size, file_);
    if (std::ferror(file_) != 0) return FileError("reading", path_);
    return read;
  }
  absl::Status Write(absl::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return absl::OkStatus();
    return FileError("writing", path_);
  }
  // Returns when everything is on disk.
  absl::Status Close() {
    const bool written = std::fflush(file_) == 0 && fsync(fileno(file_)) == 0;
    const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
    return written && closed ? absl::OkStatus() : FileError("writing", path_);
  }

 private:
  std::FILE* file_;
  const std::string path_;
};

// The same bytes for the same message, whatever order its maps are in.
std::string Encode(const v1::IngestRequest& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

absl::Status WriteRecords(wire::IngestSequence& messages, File& file,
                          const std::function<void()>& progress) {
  GF_RETURN_IF_ERROR(file.Write(kMagic));
  for (uint64_t number = 0;; ++number) {
    GF_ASSIGN_OR_RETURN(const std::optional<v1::IngestRequest> message, messages.Next());
    if (!message.has_value()) return file.Close();
    const std::string bytes = Encode(*message);
    const RecordHeader header{.length = static_cast<uint32_t>(bytes.size()),
                              .checksum = Hash64(bytes, number)};
    const std::array<char, RecordHeader::kBytes> encoded = header.Encode();
    GF_RETURN_IF_ERROR(file.Write({encoded.data(), encoded.size()}));
    GF_RETURN_IF_ERROR(file.Write(bytes));
    progress();
  }
}

class RecordReader {
 public:
  explicit RecordReader(std::unique_ptr<File> file) : file_(std::move(file)) {}

  absl::Status ReadMagic() {
    std::string magic(kMagic.size(), '\0');
    GF_ASSIGN_OR_RETURN(const size_t read, file_->Read(magic.data(), magic.size()));
    if (read == kMagic.size() && magic == kMagic) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("\"", file_->path(), "\" holds no exported version"));
  }

  absl::StatusOr<std::optional<v1::IngestRequest>> Next() {
    std::array<char, RecordHeader::kBytes> encoded;
    GF_ASSIGN_OR_RETURN(const size_t read, file_->Read(encoded.data(), encoded.size()));
    if (read == 0) return std::optional<v1::IngestRequest>();
    if (read < encoded.size()) return Damaged("the file ends in its header");
    const RecordHeader header = RecordHeader::Decode(encoded.data());
    if (header.length > wire::kMaxMessageBytes) {
      return Damaged(
          absl::StrCat("its length is ", header.length, "; at most ", wire::kMaxMessageBytes));
    }
    bytes_.resize(header.length);
    GF_ASSIGN_OR_RETURN(const size_t length, file_->Read(bytes_.data(), bytes_.size()));
    if (length < bytes_.size()) return Damaged("the file ends in it");
    if (Hash64(bytes_, number_) != header.checksum) return Damaged("its checksum differs");
    v1::IngestRequest message;
    if (!message.ParseFromString(bytes_)) return Damaged("it is no message of an ingest");
    ++number_;
    return std::optional(std::move(message));
  }

 private:
  absl::Status Damaged(absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat("\"", file_->path(), "\", record ", number_, ": ", what));
  }

  const std::unique_ptr<File> file_;
  uint64_t number_ = 0;
  std::string bytes_;
};

}  // namespace

absl::Status WriteVersionFile(std::unique_ptr<GraphSource> source, const std::string& path,
                              const ImportProgress& progress) {
  struct stat target;
  if (stat(path.c_str(), &target) == 0 && !S_ISREG(target.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", path, "\" exists and is no regular file; it is not replaced"));
  }
  const GraphSource& read = *source;
  const absl::string_view unit = read.spec().collection ? "graphs" : "rows";
  wire::IngestSequence messages(std::move(source));
  // Renamed when it is whole; on the same file system, therefore beside the target.
  const std::string unfinished = absl::StrCat(path, ".", getpid(), ".tmp");
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, File::Open(unfinished, "wb"));
  absl::Status status = WriteRecords(messages, *file, [&] {
    if (progress) progress(unit, read.done(), read.total());
  });
  if (status.ok() && std::rename(unfinished.c_str(), path.c_str()) != 0) {
    status = FileError("cannot write", path);
  }
  if (!status.ok()) std::remove(unfinished.c_str());
  return status;
}

absl::StatusOr<std::unique_ptr<GraphSource>> OpenVersionFile(const std::string& path) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(path, "rb"));
  // Shared by copies of the function.
  const auto records = std::make_shared<RecordReader>(std::move(file));
  GF_RETURN_IF_ERROR(records->ReadMagic());
  return wire::ReadIngestSequence(absl::StrCat("\"", path, "\""),
                                  [records] { return records->Next(); });
}

}  // namespace graphfeed
