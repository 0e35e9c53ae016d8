#ifndef GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_
#define GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
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
  // `compressed`: each chunk that it makes smaller; else none.
  virtual std::unique_ptr<rocksdb::SstFileWriter> NewFile(bool compressed) = 0;
  // A path that nobody has had since the store was opened.
  virtual std::string NewPath() = 0;
  // Makes the files part of the database, all or none.
  virtual absl::Status Ingest(const std::vector<std::string>& paths) = 0;
  virtual absl::Status Convert(const rocksdb::Status& status) const = 0;

 protected:
  ~BulkFiles() = default;
};

// Collects a column in files outside of the database and hands them over when finished. For short
// chunks it decides by the first ones whether the column is compressed: trying takes longer than
// writing them, and a file with no compressed chunk at all is read past RocksDB (plain_tables.h).
class BulkWriter : public ChunkWriter {
 public:
  // `chunk_bytes` as in ChunkStore::NewWriter.
  BulkWriter(BulkFiles& files, uint64_t column, int64_t chunk_bytes);
  ~BulkWriter() override;
  absl::Status Add(uint32_t chunk, absl::string_view value) override;
  absl::Status Finish() override;
  int64_t memory_bytes() const override;

 private:
  absl::Status Write(uint32_t chunk, absl::string_view value);
  // Decides and writes what was kept until then.
  absl::Status Decide();
  absl::Status FinishFile();

  BulkFiles& files_;
  const uint64_t column_;
  bool decided_;
  bool compressed_ = true;
  std::vector<std::pair<uint32_t, std::string>> undecided_;
  int64_t undecided_bytes_ = 0;
  std::unique_ptr<rocksdb::SstFileWriter> file_;
  int64_t file_chunks_ = 0;         // in it
  std::vector<std::string> paths_;  // of all files so far
  bool finished_ = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_BULK_WRITER_H_
