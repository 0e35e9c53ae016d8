#include "storage/chunks/rados/records.h"

#include <cerrno>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/omap.h"
#include "storage/chunks/record_change.h"
#include "storage/chunks/record_file.h"

namespace graphfeed {
namespace {

constexpr char kFormatAttribute[] = "format";
constexpr char kIdAttribute[] = "id";
constexpr char kRevisionAttribute[] = "revision";
constexpr char kDigestAttribute[] = "digest";
// All records are read after so many times that a part was enough: so damage is found.
constexpr int kPartsBetweenAll = 60;
constexpr size_t kMaxChanging = 256;

std::string DigestOf(const RecordMap& records) {
  Digester digester;
  digester.Update(EncodeRecords(records));
  return DigestHex(digester.Finish());
}

std::string NewId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

void SetAttribute(const Librados& api, const WriteOp& op, const char* name,
                  const std::string& value) {
  api.rados_write_op_setxattr(op.get(), name, value.data(), value.size());
}

std::string Find(const RecordMap& map, absl::string_view key) {
  const auto found = map.find(key);
  return found == map.end() ? "" : found->second;
}

}  // namespace

void RadosRecords::Know(RecordMap records) {
  records_ = std::move(records);
  int64_t bytes = 0;
  for (const auto& [key, value] : records_) {
    bytes += static_cast<int64_t>(key.size() + value.size());
  }
  bytes_ = bytes;
}

void RadosRecords::CountRead(const RecordMap& entries) {
  int64_t bytes = 0;
  for (const auto& [key, value] : entries) bytes += static_cast<int64_t>(key.size() + value.size());
  read_bytes_ += bytes;
}

absl::Status RadosRecords::Health() const {
  if (!replaced_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the records of ", pool_.location().Name(),
                   " were removed, or are another store's: what was read of them holds no longer"));
}

absl::Status RadosRecords::Take(const RecordMap& attributes, int64_t revision) {
  std::string id = Find(attributes, kIdAttribute);
  if (revision_ >= 0 && (id != id_ || revision < revision_)) replaced_ = true;
  GF_RETURN_IF_ERROR(Health());
  id_ = std::move(id);
  revision_ = revision;
  return absl::OkStatus();
}

absl::Status RadosRecords::Refresh() {
  known_ = false;
  GF_RETURN_IF_ERROR(Health());
  absl::Status status = Read();
  if (absl::IsNotFound(status) && revision_ >= 0) replaced_ = true;
  return replaced_ ? Health() : status;
}

absl::Status RadosRecords::Read() {
  if (revision_ >= 0 && parts_read_ < kPartsBetweenAll) {
    GF_ASSIGN_OR_RETURN(known_, ReadPart());
    if (known_) return absl::OkStatus();
  }
  return ReadAll();
}

absl::StatusOr<bool> RadosRecords::ReadPart() {
  const std::vector<std::string> keys(changing_.begin(), changing_.end());
  GF_ASSIGN_OR_RETURN(OmapContents part, ReadOmapPart(pool_, kObject, keys));
  CountRead(part.entries);
  int64_t revision = 0;
  if (Find(part.attributes, kFormatAttribute) != kFormat ||
      !absl::SimpleAtoi(Find(part.attributes, kRevisionAttribute), &revision)) {
    return false;
  }
  RecordMap records = records_;
  for (const std::string& key : keys) records.erase(key);
  records.merge(part.entries);
  if (Find(part.attributes, kDigestAttribute) != DigestOf(records)) return false;
  GF_RETURN_IF_ERROR(Take(part.attributes, revision));
  ++parts_read_;
  Know(std::move(records));
  return true;
}

absl::Status RadosRecords::ReadAll() {
  GF_ASSIGN_OR_RETURN(OmapContents contents, ReadOmap(pool_, kObject, kRevisionAttribute));
  CountRead(contents.entries);
  if (const std::string format = Find(contents.attributes, kFormatAttribute); format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", kObject, "\" in ", pool_.location().Name(), " is of format \"", format,
                     "\"; this program knows \"", kFormat, "\""));
  }
  int64_t revision = 0;
  if (!absl::SimpleAtoi(Find(contents.attributes, kRevisionAttribute), &revision) || revision < 0 ||
      Find(contents.attributes, kDigestAttribute) != DigestOf(contents.entries)) {
    return absl::DataLossError(absl::StrCat("the records of ", pool_.location().Name(),
                                            " are damaged: they are not those of their digest"));
  }
  GF_RETURN_IF_ERROR(Take(contents.attributes, revision));
  std::set<std::string> changing;
  for (const auto& [key, value] : contents.entries) {
    const auto before = records_.find(key);
    const bool changed = before != records_.end() && before->second != value;
    if (changed || changing_.contains(key)) changing.insert(key);
  }
  // Of so many it is no use to read them one by one.
  if (changing.size() > kMaxChanging) changing.clear();
  changing_ = std::move(changing);
  parts_read_ = 0;
  Know(std::move(contents.entries));
  known_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> RadosRecords::Exist() {
  MutexLock lock(&mu_);
  const absl::Status status = Refresh();
  if (absl::IsNotFound(status)) return false;
  if (!status.ok()) return status;
  return true;
}

absl::Status RadosRecords::Create() {
  const Librados& api = pool_.api();
  WriteOp op = NewWriteOp(pool_);
  api.rados_write_op_create(op.get(), LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  SetAttribute(api, op, kFormatAttribute, kFormat);
  SetAttribute(api, op, kIdAttribute, NewId());
  SetAttribute(api, op, kRevisionAttribute, "0");
  SetAttribute(api, op, kDigestAttribute, DigestOf({}));
  const RadosCalls::Done done = Operate(pool_, std::move(op), kObject);
  return done.result == -EEXIST ? absl::OkStatus() : done.status;
}

absl::StatusOr<RecordMap> RadosRecords::List() {
  MutexLock lock(&mu_);
  const absl::Status status = Refresh();
  if (absl::IsNotFound(status)) return RecordMap();
  if (!status.ok()) return status;
  return records_;
}

absl::Status RadosRecords::Write(const RecordMap& after) {
  std::vector<const char*> set_keys;
  std::vector<const char*> set_values;
  std::vector<size_t> set_key_bytes;
  std::vector<size_t> set_value_bytes;
  for (const auto& [key, value] : after) {
    const auto before = records_.find(key);
    if (before != records_.end() && before->second == value) continue;
    set_keys.push_back(key.data());
    set_key_bytes.push_back(key.size());
    set_values.push_back(value.data());
    set_value_bytes.push_back(value.size());
  }
  std::vector<const char*> removed_keys;
  std::vector<size_t> removed_key_bytes;
  for (const auto& [key, value] : records_) {
    if (after.contains(key)) continue;
    removed_keys.push_back(key.data());
    removed_key_bytes.push_back(key.size());
  }
  const Librados& api = pool_.api();
  WriteOp op = NewWriteOp(pool_);
  const std::string revision = absl::StrCat(revision_);
  api.rados_write_op_assert_exists(op.get());
  api.rados_write_op_cmpxattr(op.get(), kRevisionAttribute, LIBRADOS_CMPXATTR_OP_EQ,
                              revision.data(), revision.size());
  if (!id_.empty()) {
    api.rados_write_op_cmpxattr(op.get(), kIdAttribute, LIBRADOS_CMPXATTR_OP_EQ, id_.data(),
                                id_.size());
  }
  if (!set_keys.empty()) {
    api.rados_write_op_omap_set2(op.get(), set_keys.data(), set_values.data(), set_key_bytes.data(),
                                 set_value_bytes.data(), set_keys.size());
  }
  if (!removed_keys.empty()) {
    api.rados_write_op_omap_rm_keys2(op.get(), removed_keys.data(), removed_key_bytes.data(),
                                     removed_keys.size());
  }
  SetAttribute(api, op, kRevisionAttribute, absl::StrCat(revision_ + 1));
  SetAttribute(api, op, kDigestAttribute, DigestOf(after));
  const RadosCalls::Done done = Operate(pool_, std::move(op), kObject);
  if (done.result == -ECANCELED) return absl::AbortedError("the revision is another");
  if (!done.status.ok()) {
    known_ = false;
    uncertain_ = true;
    return done.status;
  }
  ++revision_;
  uncertain_ = false;
  return absl::OkStatus();
}

absl::Status RadosRecords::Change(absl::Span<const RecordChange> changes) {
  MutexLock lock(&mu_);
  // What is known may be old: what does not fit to it is looked at again.
  for (bool fresh = false;;) {
    if (!fresh && (!known_ || uncertain_)) {
      GF_RETURN_IF_ERROR(Refresh());
      fresh = true;
    }
    RecordMap after = records_;
    absl::Status applied = ApplyChanges(changes, after);
    if (!fresh && (!applied.ok() || after == records_)) {
      known_ = false;
      continue;
    }
    // Also what changes nothing makes another revision where an earlier change may still be made:
    // that fails then.
    if (!applied.ok() && !uncertain_) return applied;
    if (applied.ok() && after == records_ && !uncertain_) return absl::OkStatus();
    absl::Status written = Write(applied.ok() ? after : records_);
    if (written.ok()) {
      if (applied.ok()) Know(std::move(after));
      return applied;
    }
    if (!absl::IsAborted(written)) return written;
    known_ = fresh = false;
  }
}

}  // namespace graphfeed
