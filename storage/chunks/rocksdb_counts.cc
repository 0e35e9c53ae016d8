#include "storage/chunks/rocksdb_counts.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>

#include <filesystem>
#include <memory>
#include <system_error>

namespace graphfeed {
namespace {

struct TickerCount {
  const char* name;
  const char* help;
  rocksdb::Tickers ticker;
};

constexpr TickerCount kTickerCounts[] = {
    {"file_opens_total", "Files that RocksDB opened.", rocksdb::NO_FILE_OPENS},
    {"file_errors_total", "Files that RocksDB could not open.", rocksdb::NO_FILE_ERRORS},
    {"read_chunks_total", "Chunks asked of RocksDB.", rocksdb::NUMBER_MULTIGET_KEYS_READ},
    {"read_bytes_total", "Bytes of the chunks that RocksDB found.",
     rocksdb::NUMBER_MULTIGET_BYTES_READ},
    {"verified_blocks_total", "Blocks of which RocksDB compared the checksum.",
     rocksdb::BLOCK_CHECKSUM_COMPUTE_COUNT},
};

}  // namespace

int64_t FolderBytes(const FolderLock& lock) {
  namespace fs = std::filesystem;
  int64_t bytes = 0;
  std::error_code error;  // files come and go meanwhile: count what is there
  for (fs::recursive_directory_iterator it(lock.path(), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone) || gone) continue;
    const auto size = it->file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

StoreStats FolderStats(const FolderLock& lock) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(lock.path(), error);
  if (error) return {};
  StoreStats stats;
  stats.free_bytes = static_cast<int64_t>(space.available);
  stats.total_bytes = static_cast<int64_t>(space.capacity);
  return stats;
}

void AddCounts(const RocksDbDatabase& database, std::vector<StoreStats::Count>& counts) {
  rocksdb::DB& db = database.db();
  const auto property = [&](const char* name) {
    uint64_t value = 0;
    (void)db.GetIntProperty(database.chunks(), name, &value);  // 0 where there is none
    return static_cast<double>(value);
  };
  counts.push_back({.name = "table_files",
                    .help = "Files of chunks that RocksDB lists.",
                    .counter = false,
                    .value = static_cast<double>(database.Tables().size())});
  counts.push_back({.name = "table_readers_memory_bytes",
                    .help = "Memory of the indexes and filters of open files.",
                    .counter = false,
                    .value = property("rocksdb.estimate-table-readers-mem")});
  counts.push_back({.name = "background_errors_total",
                    .help = "Errors of RocksDB's own that made it refuse changes.",
                    .counter = true,
                    .value = property("rocksdb.background-errors")});
  const std::shared_ptr<rocksdb::Statistics> statistics = db.GetDBOptions().statistics;
  if (statistics == nullptr) return;
  for (const TickerCount& count : kTickerCounts) {
    counts.push_back({.name = count.name,
                      .help = count.help,
                      .counter = true,
                      .value = static_cast<double>(statistics->getTickerCount(count.ticker))});
  }
}

}  // namespace graphfeed
