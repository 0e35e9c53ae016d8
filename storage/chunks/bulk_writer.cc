#include "storage/chunks/bulk_writer.h"

#include <lz4.h>
#include <rocksdb/db.h>
#include <rocksdb/slice.h>
#include <rocksdb/sst_file_writer.h>

#include <filesystem>
#include <iterator>
#include <system_error>

#include "storage/base/status_macros.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {
namespace {

// A column's chunks go into files of its own, of about this size.
constexpr uint64_t kFileBytes = uint64_t{64} << 20;
// What an open file holds: a block being filled and a buffer; and of each chunk an entry of an
// index, whose keys share what they have in common only when it is written.
constexpr int64_t kOpenFileBytes = 256 << 10;
constexpr int64_t kIndexEntryBytes = 64;

// Chunks of no more than so much are short; so much of them is looked at.
constexpr int64_t kShortBytes = 4 << 10;
constexpr int64_t kDecidingBytes = 32 << 10;

// Whether LZ4 saves an eighth of the chunks, compressed each by itself.
bool Compress(const std::vector<std::pair<uint32_t, std::string>>& chunks) {
  int64_t before = 0;
  int64_t after = 0;
  std::vector<char> to;
  for (const auto& [number, value] : chunks) {
    const int size = static_cast<int>(value.size());
    to.resize(static_cast<size_t>(LZ4_compressBound(size)));
    before += size;
    after += LZ4_compress_default(value.data(), to.data(), size, static_cast<int>(to.size()));
  }
  return 8 * after < 7 * before;
}

}  // namespace

BulkWriter::BulkWriter(BulkFiles& files, uint64_t column, int64_t chunk_bytes)
    : files_(files), column_(column), decided_(chunk_bytes == 0 || chunk_bytes > kShortBytes) {}

BulkWriter::~BulkWriter() {
  file_.reset();
  if (finished_) return;
  for (const std::string& path : paths_) {
    std::error_code ignored;  // what stays is removed at the next start
    std::filesystem::remove(path, ignored);
  }
}

absl::Status BulkWriter::Add(uint32_t chunk, absl::string_view value) {
  if (decided_) return Write(chunk, value);
  undecided_.emplace_back(chunk, value);
  undecided_bytes_ += std::ssize(value);
  return undecided_bytes_ < kDecidingBytes ? absl::OkStatus() : Decide();
}

absl::Status BulkWriter::Decide() {
  decided_ = true;
  compressed_ = Compress(undecided_);
  for (const auto& [chunk, value] : undecided_) GF_RETURN_IF_ERROR(Write(chunk, value));
  undecided_ = {};
  return absl::OkStatus();
}

absl::Status BulkWriter::Write(uint32_t chunk, absl::string_view value) {
  if (file_ == nullptr) {
    paths_.push_back(files_.NewPath());
    file_ = files_.NewFile(compressed_);
    if (auto status = file_->Open(paths_.back()); !status.ok()) return files_.Convert(status);
  }
  const std::string key = EncodeChunkKey({column_, chunk});
  ++file_chunks_;
  auto status = file_->Put(key, rocksdb::Slice(value.data(), value.size()));
  if (!status.ok()) return files_.Convert(status);
  return file_->FileSize() >= kFileBytes ? FinishFile() : absl::OkStatus();
}

absl::Status BulkWriter::FinishFile() {
  const auto status = file_->Finish();
  file_.reset();
  file_chunks_ = 0;
  return files_.Convert(status);
}

absl::Status BulkWriter::Finish() {
  if (!undecided_.empty()) GF_RETURN_IF_ERROR(Decide());
  if (file_ != nullptr) GF_RETURN_IF_ERROR(FinishFile());
  if (!paths_.empty()) GF_RETURN_IF_ERROR(files_.Ingest(paths_));
  finished_ = true;
  return absl::OkStatus();
}

int64_t BulkWriter::memory_bytes() const {
  return kOpenFileBytes + file_chunks_ * kIndexEntryBytes;
}

}  // namespace graphfeed
