#include "storage/chunks/plain_tables.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/table_properties.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "storage/chunks/format.h"

namespace graphfeed {
namespace {

// A block. Of each entry: the bytes of the key that are shared (none) and of those that are not, a
// byte each; those of the value, a varint; the key, which is ours and 8 bytes of RocksDB's; the
// value. Then where each entry begins and how many there are, 4 bytes each; compression and
// checksum, 5. RocksDB ends a block by its size, so all but the last have as many entries.
constexpr char kEntryStart[] = {0, static_cast<char>(kChunkKeyBytes + 8)};
constexpr size_t kPlaceBytes = 4;
constexpr size_t kBlockEndBytes = 4 + 5;
constexpr size_t kMaxVarintBytes = 5;

// Chunks are read together as long as no more than so much is read in vain between two of them:
// that costs what a call costs.
constexpr uint64_t kMaxGapBytes = 3 << 10;
constexpr uint64_t kReadBytes = 64 << 10;

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

size_t ValueOffset(uint64_t value_bytes) {
  return sizeof(kEntryStart) + VarintBytes(value_bytes) + kChunkKeyBytes + 8;
}

uint64_t EntryBytes(uint64_t value_bytes) { return ValueOffset(value_bytes) + value_bytes; }

bool ReadFully(int fd, uint64_t offset, size_t size, char* to) {
  while (size > 0) {
    const ssize_t count = pread(fd, to, size, static_cast<off_t>(offset));
    if (count <= 0) return false;  // a signal too: RocksDB tries again
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

// The size of the first value; 0 unless a table begins as one that is described above.
uint64_t FirstValueBytes(int fd) {
  unsigned char start[sizeof(kEntryStart) + kMaxVarintBytes];
  if (!ReadFully(fd, 0, sizeof(start), reinterpret_cast<char*>(start)) ||
      !std::equal(kEntryStart, std::end(kEntryStart), start)) {
    return 0;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < kMaxVarintBytes; ++i) {
    const unsigned char byte = start[sizeof(kEntryStart) + i];
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) return value;
  }
  return 0;
}

}  // namespace

// The chunks first to first + count - 1; all but the last of `value_bytes`.
struct PlainTables::File {
  uint32_t first = 0;
  uint64_t count = 0;
  uint64_t value_bytes = 0;
  uint64_t last_bytes = 0;
  uint64_t per_block = 1;
  int fd = -1;

  uint64_t OffsetOf(uint32_t chunk) const {
    const uint64_t entry = EntryBytes(value_bytes);
    const uint64_t block = (chunk - first) / per_block;
    const uint64_t place = (chunk - first) % per_block;
    return block * (per_block * (entry + kPlaceBytes) + kBlockEndBytes) + place * entry +
           ValueOffset(BytesOf(chunk));
  }
  uint64_t BytesOf(uint32_t chunk) const {
    return chunk - first + 1 == count ? last_bytes : value_bytes;
  }
};

// Sets per_block for a file of so many blocks; false if there is no number that is right.
bool PlainTables::FindPerBlock(uint64_t uid, uint64_t blocks, File& file) {
  const uint64_t least = (file.count + blocks - 1) / blocks;
  if (blocks == 1 || least == 1) {
    file.per_block = least;
    return blocks == 1 || blocks == file.count;
  }
  // The second block begins after as many; where there are many blocks there is one candidate.
  for (file.per_block = least; (file.count - 1) / file.per_block + 1 == blocks; ++file.per_block) {
    const auto chunk = static_cast<uint32_t>(file.first + file.per_block);
    std::string header(kChunkHeaderBytes, '\0');
    if (ReadFully(file.fd, file.OffsetOf(chunk), header.size(), header.data()) &&
        HasHeaderOf({uid, chunk}, header)) {
      return true;
    }
  }
  return false;
}

class PlainTables::Column {
 public:
  explicit Column(std::vector<File> files) : files_(std::move(files)) {}
  ~Column() {
    for (const File& file : files_) (void)close(file.fd);
  }
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;

  size_t num_files() const { return files_.size(); }
  // Null for a chunk that there is not.
  const File* FileOf(uint32_t chunk) const {
    auto it = std::upper_bound(files_.begin(), files_.end(), chunk,
                               [](uint32_t c, const File& file) { return c < file.first; });
    if (it == files_.begin()) return nullptr;
    --it;
    return chunk - it->first < it->count ? &*it : nullptr;
  }

 private:
  const std::vector<File> files_;  // ascending
};

PlainTables::PlainTables(const FolderLock& lock, int max_files)
    : lock_(lock), max_files_(static_cast<size_t>(std::max(0, max_files))) {}
PlainTables::~PlainTables() = default;

std::optional<std::shared_ptr<const PlainTables::Column>> PlainTables::OpenColumn(
    const RocksDbDatabase& database, uint64_t uid) const {
  const std::string first = EncodeChunkKey({uid, 0});
  const std::string last = EncodeChunkKey({uid, std::numeric_limits<uint32_t>::max()});
  const rocksdb::Range range{rocksdb::Slice(first), rocksdb::Slice(last)};
  rocksdb::TablePropertiesCollection properties;
  if (!database.db().GetPropertiesOfTablesInRange(database.chunks(), &range, 1, &properties).ok() ||
      properties.empty()) {
    return std::nullopt;
  }
  if (properties.size() > max_files_) return nullptr;
  std::vector<File> files;
  bool plain = true;
  for (const TableFile& table : database.Tables()) {
    if (table.first_key < first || table.first_key > last) continue;
    const auto found = std::find_if(properties.begin(), properties.end(), [&](const auto& entry) {
      return absl::EndsWith(entry.first, "/" + table.name);
    });
    if (found == properties.end()) return std::nullopt;
    const rocksdb::TableProperties& p = *found->second;
    File file;
    file.first = ChunkOfKey(table.first_key);
    file.count = p.num_entries;
    file.fd = openat(lock_.fd(), table.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    const bool regular = file.fd >= 0 && fstat(file.fd, &status) == 0 && S_ISREG(status.st_mode);
    files.push_back(file);
    File& added = files.back();
    if (regular) added.value_bytes = FirstValueBytes(file.fd);
    const uint64_t full = (file.count - 1) * added.value_bytes;
    plain = regular && added.value_bytes > 0 && p.num_data_blocks > 0 &&
            ChunkOfKey(table.last_key) - file.first + 1 == file.count && p.raw_value_size > full;
    if (!plain) break;
    added.last_bytes = p.raw_value_size - full;
    plain = p.data_size == (file.count - 1) * EntryBytes(added.value_bytes) +
                               EntryBytes(added.last_bytes) + file.count * kPlaceBytes +
                               p.num_data_blocks * kBlockEndBytes &&
            FindPerBlock(uid, p.num_data_blocks, added);
    if (!plain) break;
    // As RocksDB says for its own: reads of one chunk must not bring others along from the disk.
    (void)posix_fadvise(file.fd, 0, 0, POSIX_FADV_RANDOM);
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.first < b.first; });
  std::erase_if(files, [](const File& file) { return file.fd < 0; });
  std::shared_ptr<const Column> column = std::make_shared<Column>(std::move(files));
  if (!plain) column.reset();  // closes what was opened
  return column;
}

std::shared_ptr<const PlainTables::Column> PlainTables::Find(const RocksDbDatabase& database,
                                                             uint64_t uid) {
  {
    MutexLock lock(&mu_);
    if (const auto it = columns_.find(uid); it != columns_.end()) {
      it->second.used = ++uses_;
      return it->second.column;
    }
  }
  std::optional<std::shared_ptr<const Column>> opened = OpenColumn(database, uid);
  if (!opened.has_value()) return nullptr;
  std::shared_ptr<const Column> column = *std::move(opened);
  MutexLock lock(&mu_);
  const auto [it, added] = columns_.try_emplace(uid, Entry{column, ++uses_});
  if (!added) return it->second.column;
  if (column != nullptr) num_files_ += column->num_files();
  while (num_files_ > max_files_) {
    auto oldest = columns_.end();
    for (auto other = columns_.begin(); other != columns_.end(); ++other) {
      if (other->second.column == nullptr || other->first == uid) continue;
      if (oldest == columns_.end() || other->second.used < oldest->second.used) oldest = other;
    }
    if (oldest == columns_.end()) break;
    num_files_ -= oldest->second.column->num_files();
    columns_.erase(oldest);
  }
  return column;
}

void PlainTables::Forget(absl::Span<const uint64_t> columns) {
  MutexLock lock(&mu_);
  for (const uint64_t uid : columns) {
    const auto it = columns_.find(uid);
    if (it == columns_.end()) continue;
    if (it->second.column != nullptr) num_files_ -= it->second.column->num_files();
    columns_.erase(it);
  }
}

void PlainTables::Read(const RocksDbDatabase& database, absl::Span<const ChunkKey> keys,
                       absl::FunctionRef<void(size_t index, absl::string_view value)> found,
                       absl::FunctionRef<void(size_t index)> rest) {
  if (keys.empty()) return;
  const std::shared_ptr<const Column> column = Find(database, keys[0].column);
  std::unique_ptr<char[]> buffer;
  uint64_t buffer_bytes = 0;
  for (size_t first = 0; first < keys.size();) {
    const File* const file = column == nullptr ? nullptr : column->FileOf(keys[first].chunk);
    if (file == nullptr) {
      rest(first++);
      continue;
    }
    const uint64_t begin = file->OffsetOf(keys[first].chunk);
    uint64_t end = begin + file->BytesOf(keys[first].chunk);
    size_t next = first + 1;
    for (; next < keys.size() && column->FileOf(keys[next].chunk) == file; ++next) {
      const uint64_t offset = file->OffsetOf(keys[next].chunk);
      const uint64_t chunk_end = offset + file->BytesOf(keys[next].chunk);
      if (offset < end || offset - end > kMaxGapBytes || chunk_end - begin > kReadBytes) break;
      end = chunk_end;
    }
    if (buffer_bytes < end - begin) {
      buffer_bytes = std::max(kReadBytes, end - begin);
      buffer = std::make_unique_for_overwrite<char[]>(buffer_bytes);
    }
    const bool whole = ReadFully(file->fd, begin, end - begin, buffer.get());
    for (; first < next; ++first) {
      const ChunkKey& key = keys[first];
      const absl::string_view value(buffer.get() + (file->OffsetOf(key.chunk) - begin),
                                    whole ? file->BytesOf(key.chunk) : 0);
      if (HasHeaderOf(key, value)) {
        found(first, value);
      } else {
        rest(first);
      }
    }
  }
}

}  // namespace graphfeed
