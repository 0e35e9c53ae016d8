#include "storage/chunks/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_errors.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kMagic = "GFCATAL2";
constexpr size_t kMagicName = 7;  // what such files of any format begin with
constexpr char kUnfinishedFile[] = "CATALOG.tmp";
constexpr size_t kHeaderBytes = 24;  // magic, bytes of the file, number of records
constexpr size_t kDigestBytes = sizeof(Digest);

void AppendString(absl::string_view text, std::string& bytes) {
  char size[8];
  StoreLittleEndian(static_cast<uint64_t>(text.size()), size);
  bytes.append(size, sizeof(size));
  bytes.append(text.data(), text.size());
}

Digest DigestOf(absl::string_view bytes) {
  Digester digester;
  digester.Update(bytes);
  return digester.Finish();
}

// Takes a string off the front of `bytes`; false if that is none.
bool TakeString(absl::string_view& bytes, std::string& text) {
  if (bytes.size() < 8) return false;
  const auto size = LoadLittleEndian<uint64_t>(bytes.data());
  bytes.remove_prefix(8);
  if (size > bytes.size()) return false;
  text.assign(bytes.data(), size);
  bytes.remove_prefix(size);
  return true;
}

// An open file, closed with this.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) (void)close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  int Close() {
    const int fd = fd_;
    fd_ = -1;
    return close(fd);
  }

 private:
  int fd_;
};

// 0, or the error.
int WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

int WriteUnfinished(int folder_fd, absl::string_view bytes) {
  File file(openat(folder_fd, kUnfinishedFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.fd() < 0) return errno;
  if (const int error = WriteAll(file.fd(), bytes); error != 0) return error;
  if (fsync(file.fd()) != 0) return errno;
  return file.Close() == 0 ? 0 : errno;
}

}  // namespace

std::string EncodeRecords(const RecordMap& records) {
  std::string bytes(kMagic);
  bytes.resize(kHeaderBytes);
  for (const auto& [key, value] : records) {
    AppendString(key, bytes);
    AppendString(value, bytes);
  }
  StoreLittleEndian(static_cast<uint64_t>(bytes.size() + kDigestBytes), &bytes[8]);
  StoreLittleEndian(static_cast<uint64_t>(records.size()), &bytes[16]);
  const Digest digest = DigestOf(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return bytes;
}

absl::StatusOr<RecordMap> DecodeRecords(absl::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kDigestBytes) {
    return absl::DataLossError(absl::StrCat("its ", bytes.size(), " bytes are too few"));
  }
  const bool known = bytes.substr(0, kMagic.size()) == kMagic;
  if (!known && bytes.substr(0, kMagicName) != kMagic.substr(0, kMagicName)) {
    return absl::DataLossError("it does not begin as such a file does");
  }
  if (const auto size = LoadLittleEndian<uint64_t>(&bytes[8]); size != bytes.size()) {
    return absl::DataLossError(
        absl::StrCat("it has ", bytes.size(), " bytes and says that it has ", size));
  }
  absl::string_view rest = bytes.substr(0, bytes.size() - kDigestBytes);
  const Digest digest = DigestOf(rest);
  if (bytes.substr(rest.size()) !=
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size())) {
    return absl::DataLossError("its checksum is wrong");
  }
  if (!known) {  // on purpose: the checksum says so
    return absl::FailedPreconditionError(
        absl::StrCat("it is of format \"", bytes.substr(kMagicName, 1), "\"; this program knows \"",
                     kMagic.substr(kMagicName), "\""));
  }
  const auto num_records = LoadLittleEndian<uint64_t>(&rest[16]);
  rest.remove_prefix(kHeaderBytes);
  RecordMap records;
  while (!rest.empty()) {
    std::string key;
    std::string value;
    if (!TakeString(rest, key) || !TakeString(rest, value) ||
        (!records.empty() && key <= records.rbegin()->first)) {
      return absl::DataLossError(absl::StrCat("record ", records.size(), " is malformed"));
    }
    records.emplace_hint(records.end(), std::move(key), std::move(value));
  }
  if (records.size() != num_records) {
    return absl::DataLossError(
        absl::StrCat("it has ", records.size(), " records and says that it has ", num_records));
  }
  return records;
}

absl::StatusOr<std::optional<RecordMap>> ReadRecordFile(int folder_fd, const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kRecordFile);
  // Not waiting: opening a pipe would, for ever.
  const File file(openat(folder_fd, kRecordFile, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) {
    if (errno == ENOENT) return std::nullopt;
    return FileError(errno, absl::StrCat("cannot open ", path));
  }
  struct stat info;
  if (fstat(file.fd(), &info) != 0) return FileError(errno, path);
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat("the catalogue ", path, " is no regular file"));
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = read(file.fd(), &bytes[size], bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(errno, absl::StrCat("cannot read ", path));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  bytes.resize(size);
  absl::StatusOr<RecordMap> records = DecodeRecords(bytes);
  if (absl::IsFailedPrecondition(records.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the catalogue ", path, ": ", records.status().message(), ": a newer one wrote it"));
  }
  if (!records.ok()) {
    return absl::DataLossError(
        absl::StrCat("the catalogue ", path, " is damaged: ", records.status().message()));
  }
  return *std::move(records);
}

absl::Status WriteRecordFile(int folder_fd, const std::string& folder, const RecordMap& records,
                             bool* uncertain) {
  const std::string what = absl::StrCat("cannot write ", folder, "/", kRecordFile);
  if (const int error = WriteUnfinished(folder_fd, EncodeRecords(records)); error != 0) {
    (void)unlinkat(folder_fd, kUnfinishedFile, 0);
    return FileError(error, what);
  }
  if (renameat(folder_fd, kUnfinishedFile, folder_fd, kRecordFile) != 0) {
    const int error = errno;
    (void)unlinkat(folder_fd, kUnfinishedFile, 0);
    return FileError(error, what);
  }
  if (fsync(folder_fd) != 0) {
    *uncertain = true;
    return FileError(errno, what);
  }
  *uncertain = false;
  return absl::OkStatus();
}

}  // namespace graphfeed
