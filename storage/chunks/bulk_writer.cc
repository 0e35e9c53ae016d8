#include "storage/chunks/bulk_writer.h"

#include <rocksdb/db.h>
#include <rocksdb/slice.h>
#include <rocksdb/sst_file_writer.h>

#include <filesystem>
#include <system_error>

#include "storage/base/status_macros.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {
namespace {

// A column's chunks go into files of its own, of about this size.
constexpr uint64_t kFileBytes = uint64_t{64} << 20;
// What an open file holds: a block being filled, a buffer and an index.
constexpr int64_t kOpenFileBytes = 384 << 10;

}  // namespace

BulkWriter::BulkWriter(BulkFiles& files, uint64_t column) : files_(files), column_(column) {}

BulkWriter::~BulkWriter() {
  file_.reset();
  if (finished_) return;
  for (const std::string& path : paths_) {
    std::error_code ignored;  // what stays is removed at the next start
    std::filesystem::remove(path, ignored);
  }
}

absl::Status BulkWriter::Add(uint32_t chunk, absl::string_view value) {
  if (file_ == nullptr) {
    paths_.push_back(files_.NewPath());
    file_ = files_.NewFile();
    if (auto status = file_->Open(paths_.back()); !status.ok()) return files_.Convert(status);
  }
  const std::string key = EncodeChunkKey({column_, chunk});
  auto status = file_->Put(key, rocksdb::Slice(value.data(), value.size()));
  if (!status.ok()) return files_.Convert(status);
  return file_->FileSize() >= kFileBytes ? FinishFile() : absl::OkStatus();
}

absl::Status BulkWriter::FinishFile() {
  const auto status = file_->Finish();
  file_.reset();
  return files_.Convert(status);
}

absl::Status BulkWriter::Finish() {
  if (file_ != nullptr) GF_RETURN_IF_ERROR(FinishFile());
  if (!paths_.empty()) GF_RETURN_IF_ERROR(files_.Ingest(paths_));
  finished_ = true;
  return absl::OkStatus();
}

int64_t BulkWriter::memory_bytes() const { return kOpenFileBytes; }

}  // namespace graphfeed
