#include "storage/chunks/rados/store.h"

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/location.h"
#include "storage/chunks/rados/omap.h"
#include "storage/chunks/rados/writer.h"

namespace graphfeed {
namespace {

// An object that never exists.
constexpr char kNoObject[] = "none";

// Entries of "columns" by column.
absl::StatusOr<std::map<uint64_t, ColumnEntry>> DecodeEntries(const RecordMap& entries) {
  std::map<uint64_t, ColumnEntry> columns;
  for (const auto& [key, value] : entries) {
    GF_ASSIGN_OR_RETURN(const uint64_t column, ColumnOfKey(key));
    GF_ASSIGN_OR_RETURN(columns[column], DecodeColumnEntry(column, value));
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> RadosChunkStore::Open(
    const std::string& rest, const ChunkStoreOptions& options) {
  GF_ASSIGN_OR_RETURN(const RadosLocation location, ParseRadosLocation(rest));
  GF_ASSIGN_OR_RETURN(std::unique_ptr<RadosPool> pool,
                      RadosPool::Connect(location, RadosRecords::kObject));
  std::unique_ptr<RadosChunkStore> store(new RadosChunkStore(std::move(pool)));
  store->read_only_ =
      options.access == StoreAccess::kReadOnly || options.access == StoreAccess::kBeside;
  GF_ASSIGN_OR_RETURN(const bool exists, store->records_.Exist());
  if (!exists && (store->read_only_ || !options.create)) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", location.Name()));
  }
  if (store->read_only_) return store;
  const absl::Status may = store->MayWrite();
  if (absl::IsPermissionDenied(may) && options.access == StoreAccess::kAsPermitted && exists) {
    store->read_only_ = true;
    return store;
  }
  GF_RETURN_IF_ERROR(may);
  return store;
}

absl::Status RadosChunkStore::MayWrite() const {
  WriteOp op = NewWriteOp(*pool_);
  pool_->api().rados_write_op_remove(op.get());
  const RadosCalls::Done done = Operate(*pool_, std::move(op), kNoObject);
  if (done.result == -ENOENT) return absl::OkStatus();
  if (!absl::IsPermissionDenied(done.status)) return done.status;
  return absl::PermissionDeniedError(absl::StrCat("client.", pool_->location().user,
                                                  " may not write to ", pool_->location().Name()));
}

absl::Status RadosChunkStore::StartWriting() {
  if (read_only_) {
    return absl::FailedPreconditionError(
        absl::StrCat(pool_->location().Name(), " is open for reading only"));
  }
  GF_RETURN_IF_ERROR(records_.Create());
  WriteOp op = NewWriteOp(*pool_);
  pool_->api().rados_write_op_create(op.get(), LIBRADOS_CREATE_IDEMPOTENT, nullptr);
  GF_RETURN_IF_ERROR(Operate(*pool_, std::move(op), kColumnsObject).status);
  writing_ = true;
  return absl::OkStatus();
}

absl::Status RadosChunkStore::CheckWritable() const {
  if (writing_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(pool_->location().Name(), " is open for reading only"));
}

absl::Status RadosChunkStore::Health() {
  if (!pool_->shut_out()) return records_.Health();
  return absl::FailedPreconditionError(absl::StrCat("the cluster of ", pool_->location().Name(),
                                                    " has shut this client out (a blocklist)"));
}

std::string RadosChunkStore::ListingName() {
  return absl::StrCat("\"", kColumnsObject, "\" in ", pool_->location().Name());
}

absl::StatusOr<std::map<uint64_t, ColumnEntry>> RadosChunkStore::AllEntries() const {
  const absl::StatusOr<OmapContents> contents = ReadOmap(*pool_, kColumnsObject, "");
  if (absl::IsNotFound(contents.status())) return std::map<uint64_t, ColumnEntry>();
  if (!contents.ok()) return contents.status();
  return DecodeEntries(contents->entries);
}

absl::StatusOr<std::map<uint64_t, ColumnEntry>> RadosChunkStore::EntriesOf(
    absl::Span<const uint64_t> columns) const {
  std::vector<std::string> keys;
  for (const uint64_t column : columns) keys.push_back(ColumnKey(column));
  const absl::StatusOr<RecordMap> entries = ReadOmapKeys(*pool_, kColumnsObject, keys);
  if (absl::IsNotFound(entries.status())) return std::map<uint64_t, ColumnEntry>();
  if (!entries.ok()) return entries.status();
  return DecodeEntries(*entries);
}

absl::StatusOr<RadosChunkStore::Places> RadosChunkStore::ReadPlaces(
    uint64_t column, const ColumnEntry& entry) const {
  std::string table;
  if (entry.chunk_bytes == 0) {
    table.resize(TableBytes(entry));
    size_t read = 0;
    int result = 0;
    ReadOp op = NewReadOp(*pool_);
    pool_->api().rados_read_op_read(op.get(), 0, table.size(), table.data(), &read, &result);
    GF_RETURN_IF_ERROR(Operate(*pool_, std::move(op), TableName(column)).status);
    table.resize(read);
  }
  GF_ASSIGN_OR_RETURN(ColumnPlaces places, ColumnPlaces::Create(column, entry, table));
  return std::make_shared<const ColumnPlaces>(std::move(places));
}

absl::StatusOr<std::map<uint64_t, RadosChunkStore::Places>> RadosChunkStore::PlacesOf(
    const std::set<uint64_t>& columns) {
  std::map<uint64_t, Places> found;
  std::vector<uint64_t> unknown;
  {
    MutexLock lock(&mu_);
    for (const uint64_t column : columns) {
      const auto known = places_.find(column);
      if (known != places_.end()) {
        found.insert(*known);
      } else {
        unknown.push_back(column);
      }
    }
  }
  if (unknown.empty()) return found;
  GF_ASSIGN_OR_RETURN(const auto entries, EntriesOf(unknown));
  for (const auto& [column, entry] : entries) {
    if (!entry.stored) continue;
    GF_ASSIGN_OR_RETURN(Places places, ReadPlaces(column, entry));
    found.emplace(column, places);
    MutexLock lock(&mu_);
    places_.insert_or_assign(column, std::move(places));
  }
  return found;
}

void RadosChunkStore::Forget(absl::Span<const uint64_t> columns) {
  MutexLock lock(&mu_);
  for (const uint64_t column : columns) places_.erase(column);
}

void RadosChunkStore::ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) {
  std::set<uint64_t> columns;
  for (const ChunkKey& key : keys) columns.insert(columns.end(), key.column);
  const auto places = PlacesOf(columns);
  std::vector<PlacedKey> placed;
  placed.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!places.ok()) {
      visitor(i, places.status());
      continue;
    }
    const auto column = places->find(keys[i].column);
    if (column == places->end() || keys[i].chunk >= column->second->num_chunks()) {
      visitor(i, absl::NotFoundError("no such chunk"));
      continue;
    }
    placed.push_back({.index = i, .key = keys[i], .place = column->second->PlaceOf(keys[i].chunk)});
  }
  const auto by_key = [](const PlacedKey& a, const PlacedKey& b) {
    return std::tie(a.key.column, a.key.chunk) < std::tie(b.key.column, b.key.chunk);
  };
  if (!std::is_sorted(placed.begin(), placed.end(), by_key)) {
    std::sort(placed.begin(), placed.end(), by_key);
  }
  std::set<uint64_t> gone;  // columns of which an object was not there
  ReadPlaced(
      *pool_, placed,
      [&](size_t i, absl::StatusOr<absl::string_view> value) {
        if (absl::IsNotFound(value.status())) {
          if (gone.insert(keys[i].column).second) Forget({keys[i].column});
          value = absl::DataLossError(value.status().message());
        }
        visitor(i, std::move(value));
      },
      counts_);
}

absl::StatusOr<std::unique_ptr<ChunkWriter>> RadosChunkStore::NewWriter(uint64_t column,
                                                                        int64_t chunk_bytes) {
  GF_RETURN_IF_ERROR(CheckWritable());
  return std::make_unique<RadosWriter>(*pool_, column, chunk_bytes, stored_bytes_);
}

absl::StatusOr<std::vector<ColumnChunks>> RadosChunkStore::ListColumns() {
  GF_ASSIGN_OR_RETURN(const auto entries, AllEntries());
  std::vector<ColumnChunks> columns;
  int64_t bytes = 0;
  for (const auto& [column, entry] : entries) {
    columns.push_back({.column = column, .num_chunks = entry.stored ? entry.chunks : 0});
    bytes += entry.bytes;
  }
  stored_bytes_ = bytes;
  return columns;
}

absl::Status RadosChunkStore::DeleteColumns(absl::Span<const uint64_t> columns) {
  GF_RETURN_IF_ERROR(CheckWritable());
  if (columns.empty()) return absl::OkStatus();
  GF_ASSIGN_OR_RETURN(const auto entries, EntriesOf(columns));
  Forget(columns);
  for (const auto& [column, entry] : entries) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_RETURN_IF_ERROR(RemoveColumn(*pool_, column, entry));
    stored_bytes_ -= entry.bytes;
  }
  return absl::OkStatus();
}

absl::Status RadosChunkStore::ChangeRecords(absl::Span<const RecordChange> changes) {
  GF_RETURN_IF_ERROR(CheckWritable());
  return records_.Change(changes);
}

std::unique_ptr<RecordsWatch> RadosChunkStore::WatchRecords(std::function<void()> on_change) {
  std::shared_ptr<RadosWatch::Board> board = RadosWatch::NewBoard();
  {
    MutexLock lock(&mu_);
    boards_.push_back(board);
  }
  return std::make_unique<RadosWatch>(*pool_, RadosRecords::kObject, std::move(on_change),
                                      std::move(board), watch_counts_);
}

void RadosChunkStore::Announce() { Notify(*pool_, RadosRecords::kObject); }

void RadosChunkStore::Tidy() {
  (void)ListColumns();  // counts what others have written and removed
}

int64_t RadosChunkStore::StoredBytes() { return stored_bytes_ + records_.bytes(); }

StoreStats RadosChunkStore::Stats() {
  StoreStats stats;
  stats.free_bytes = pool_->free_bytes();
  stats.total_bytes = pool_->total_bytes();
  const auto count = [&](const char* name, const char* help, int64_t value) {
    stats.counts.push_back(
        {.name = name, .help = help, .counter = true, .value = static_cast<double>(value)});
  };
  count("operations_total", "Operations that read chunks.", counts_.operations);
  count("ranges_total", "Ranges of objects that they read.", counts_.ranges);
  count("range_bytes_total", "Bytes of those.", counts_.bytes);
  count("record_read_bytes_total", "Bytes of records that were read.", records_.read_bytes());
  count("notices_total", "Notices of other servers that records have changed.",
        watch_counts_.notices);
  count("watches_total", "Watches for notices that were set up.", watch_counts_.watches);
  stats.counts.push_back({.name = "watching",
                          .help = "1 while there is a watch for notices, else 0.",
                          .value = watch_counts_.watching ? 1.0 : 0.0});
  return stats;
}

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRadosChunkStore(const std::string& place,
                                                                const ChunkStoreOptions& options) {
  return RadosChunkStore::Open(place, options);
}

}  // namespace graphfeed
