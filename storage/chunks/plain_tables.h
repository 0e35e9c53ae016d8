#ifndef GRAPHFEED_STORAGE_CHUNKS_PLAIN_TABLES_H_
#define GRAPHFEED_STORAGE_CHUNKS_PLAIN_TABLES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {

// Reads chunks out of RocksDB's table files without RocksDB, where it is known in advance how they
// lie: in files of chunks of one size of which none is compressed (features as floats, nearly
// always). There the place of a chunk follows from its number, so it takes one read, and neighbours
// take one together. RocksDB takes four to ten times the processor's time for a short chunk,
// whatever its options.
//
// Nothing depends on the guess: what is read is taken only if the chunk's own header is there, and
// what cannot be read so is left to RocksDB, which says what is wrong. Thread-safe.
class PlainTables {
 public:
  // Keeps `max_files` files open beside RocksDB's. `lock` is held for longer.
  PlainTables(const FolderLock& lock, int max_files);
  ~PlainTables();

  // Calls `found` for each key of a chunk that could be read, with its value (valid during the
  // call), whose checksum is not compared yet, and `rest` for each other one. Chunks whose numbers
  // ascend are read together. The keys are of one column.
  void Read(const RocksDbDatabase& database, absl::Span<const ChunkKey> keys,
            absl::FunctionRef<void(size_t index, absl::string_view value)> found,
            absl::FunctionRef<void(size_t index)> rest);

  // Closes the files of these columns, which are about to go.
  void Forget(absl::Span<const uint64_t> columns);

 private:
  struct File;
  class Column;

  static bool FindPerBlock(uint64_t uid, uint64_t blocks, File& file);

  std::shared_ptr<const Column> Find(const RocksDbDatabase& database, uint64_t uid);
  // Null for a column that RocksDB must read; nullopt: it may be another time.
  std::optional<std::shared_ptr<const Column>> OpenColumn(const RocksDbDatabase& database,
                                                          uint64_t uid) const;

  struct Entry {
    std::shared_ptr<const Column> column;  // shared by who reads; null: left to RocksDB
    uint64_t used = 0;
  };

  const FolderLock& lock_;
  const size_t max_files_;

  Mutex mu_;
  std::map<uint64_t, Entry> columns_ ABSL_GUARDED_BY(mu_);
  size_t num_files_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t uses_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_PLAIN_TABLES_H_
