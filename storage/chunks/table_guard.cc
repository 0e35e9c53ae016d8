#include "storage/chunks/table_guard.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/slice.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "storage/base/digest.h"
#include "storage/base/little_endian.h"

namespace graphfeed {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IOStatus;

// RocksDB's block-based tables, format version 5. The footer: type of the checksums, handles of the
// metaindex and the index, zeros, version, magic. A block is followed by its type of compression
// and the checksum of both.
constexpr size_t kFooterBytes = 53;
constexpr char kXxh3 = 4;
constexpr uint64_t kMagic = 0x88e241b785f4cff7;
constexpr size_t kTrailerBytes = 5;
constexpr uint32_t kLastByteFactor = 0x6b9083d9;
constexpr uint64_t kMaxBlockBytes = 1 << 20;  // of properties: some hundred are usual

struct Handle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// Takes a number off the front of `bytes`; false if there is none.
bool TakeVarint(absl::string_view& bytes, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool TakeHandle(absl::string_view& bytes, Handle& handle) {
  return TakeVarint(bytes, handle.offset) && TakeVarint(bytes, handle.size);
}

bool Read(const FSRandomAccessFile& file, uint64_t offset, size_t size, std::string& bytes) {
  bytes.resize(size);
  rocksdb::Slice read;
  if (!file.Read(offset, size, rocksdb::IOOptions(), &read, bytes.data(), nullptr).ok()) {
    return false;
  }
  if (read.size() != size) return false;
  if (read.data() != bytes.data()) bytes.assign(read.data(), read.size());
  return true;
}

// Reads the block if its checksum is right.
bool ReadBlock(const FSRandomAccessFile& file, const Handle& handle, std::string& block) {
  if (handle.size > kMaxBlockBytes ||
      !Read(file, handle.offset, handle.size + kTrailerBytes, block)) {
    return false;
  }
  const auto compression = static_cast<uint8_t>(block[handle.size]);
  const auto stored = LoadLittleEndian<uint32_t>(&block[handle.size + 1]);
  block.resize(handle.size);
  return stored == (static_cast<uint32_t>(Hash64(block, 0)) ^ compression * kLastByteFactor);
}

// The entry of a metaindex block; false if it has none. Entries do not share parts of their keys.
bool FindEntry(absl::string_view block, absl::string_view name, Handle& handle) {
  while (!block.empty()) {
    uint64_t shared = 0;
    uint64_t key_size = 0;
    uint64_t value_size = 0;
    if (!TakeVarint(block, shared) || !TakeVarint(block, key_size) ||
        !TakeVarint(block, value_size) || shared != 0 || key_size > block.size() ||
        value_size > block.size() - key_size) {
      return false;
    }
    absl::string_view value = block.substr(key_size, value_size);
    if (block.substr(0, key_size) == name) return TakeHandle(value, handle);
    block.remove_prefix(key_size + value_size);
  }
  return false;
}

// Whether the properties are as they were written, or RocksDB will itself say what is wrong.
bool PropertiesAreSound(const FSRandomAccessFile& file, uint64_t file_size) {
  std::string footer;
  if (file_size < kFooterBytes || !Read(file, file_size - kFooterBytes, kFooterBytes, footer) ||
      LoadLittleEndian<uint64_t>(&footer[kFooterBytes - 8]) != kMagic || footer[0] != kXxh3) {
    return true;
  }
  absl::string_view handles = absl::string_view(footer).substr(1);
  Handle metaindex;
  Handle properties;
  std::string block;
  if (!TakeHandle(handles, metaindex) || !ReadBlock(file, metaindex, block)) return false;
  if (!FindEntry(block, "rocksdb.properties", properties)) return true;
  return ReadBlock(file, properties, block);
}

class TableGuard : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "graphfeed.TableGuard"; }

  IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options,
                               std::unique_ptr<FSRandomAccessFile>* file,
                               rocksdb::IODebugContext* debug) override {
    IOStatus status = target()->NewRandomAccessFile(name, options, file, debug);
    if (!status.ok() || !absl::EndsWith(name, ".sst")) return status;
    uint64_t size = 0;
    status = target()->GetFileSize(name, options.io_options, &size, debug);
    if (status.ok() && !PropertiesAreSound(**file, size)) {
      status = IOStatus::Corruption("the properties of " + name + " are damaged");
    }
    if (!status.ok()) file->reset();
    return status;
  }
};

}  // namespace

rocksdb::Env* GuardedEnv() {
  static rocksdb::Env* const env =
      rocksdb::NewCompositeEnv(std::make_shared<TableGuard>(rocksdb::FileSystem::Default()))
          .release();
  return env;
}

}  // namespace graphfeed
