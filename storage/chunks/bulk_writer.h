#ifndef GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_
#define GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"

namespace rocksdb {
class SstFileWriter;
class Status;
}  // namespace rocksdb

namespace graphfeed {

// Where a BulkWriter's files come from and go to. Thread-safe.
class BulkFiles {
 public:
  virtual std::unique_ptr<rocksdb::SstFileWriter> NewFile() = 0;
  // A path that nobody has had since the store was opened.
  virtual std::string NewPath() = 0;
  // Makes the files part of the database, all or none.
  virtual absl::Status Ingest(const std::vector<std::string>& paths) = 0;
  virtual absl::Status Convert(const rocksdb::Status& status) const = 0;

 protected:
  ~BulkFiles() = default;
};

// Collects a column in files outside of the database and hands them over when finished.
class BulkWriter : public ChunkWriter {
 public:
  BulkWriter(BulkFiles& files, uint64_t column);
  ~BulkWriter() override;
  absl::Status Add(uint32_t chunk, absl::string_view value) override;
  absl::Status Finish() override;
  int64_t memory_bytes() const override;

 private:
  absl::Status FinishFile();

  BulkFiles& files_;
  const uint64_t column_;
  std::unique_ptr<rocksdb::SstFileWriter> file_;
  std::vector<std::string> paths_;  // of all files so far
  bool finished_ = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_
