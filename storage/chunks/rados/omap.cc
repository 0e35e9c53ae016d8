#include "storage/chunks/rados/omap.h"

#include <cerrno>
#include <utility>

#include "absl/strings/string_view.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/rados/calls.h"

namespace graphfeed {
namespace {

// What an OSD gives in one operation (osd_max_omap_entries_per_request).
constexpr uint64_t kEntriesAtATime = 1024;

// What librados returns values by. It is there as soon as the operation has been put together, to
// be freed whatever becomes of it, and has values only if that succeeded.
struct Entries {
  explicit Entries(const Librados& librados) : api(librados) {}
  ~Entries() {
    if (iterator != nullptr) api.rados_omap_get_end(iterator);
  }
  Entries(const Entries&) = delete;
  Entries& operator=(const Entries&) = delete;

  void AddTo(RecordMap& map) {
    char* key = nullptr;
    char* value = nullptr;
    size_t key_bytes = 0;
    size_t value_bytes = 0;
    while (api.rados_omap_get_next2(iterator, &key, &value, &key_bytes, &value_bytes) == 0 &&
           key != nullptr) {
      map.insert_or_assign(std::string(key, key_bytes), std::string(value, value_bytes));
    }
  }

  const Librados& api;
  rados_omap_iter_t iterator = nullptr;
};

struct Attributes {
  explicit Attributes(const Librados& librados) : api(librados) {}
  ~Attributes() {
    if (iterator != nullptr) api.rados_getxattrs_end(iterator);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  void AddTo(RecordMap& map) {
    const char* name = nullptr;
    const char* value = nullptr;
    size_t bytes = 0;
    while (api.rados_getxattrs_next(iterator, &name, &value, &bytes) == 0 && name != nullptr) {
      map.insert_or_assign(name, std::string(value, bytes));
    }
  }

  const Librados& api;
  rados_xattrs_iter_t iterator = nullptr;
};

// As librados takes them.
struct KeyNames {
  explicit KeyNames(absl::Span<const std::string> keys) {
    for (const std::string& key : keys) {
      names.push_back(key.data());
      lengths.push_back(key.size());
    }
  }
  std::vector<const char*> names;
  std::vector<size_t> lengths;
};

// One page of the entries after `after`. The result as of Operate; -ECANCELED: the revision is
// another.
RadosCalls::Done ReadPage(const RadosPool& pool, const std::string& object,
                          const std::string& revision, const std::string& after, bool& more,
                          OmapContents& contents) {
  const Librados& api = pool.api();
  Attributes attributes(api);
  Entries entries(api);
  unsigned char again = 0;
  int attributes_result = 0;
  int entries_result = 0;
  ReadOp op = NewReadOp(pool);
  const auto known = contents.attributes.find(revision);
  if (known != contents.attributes.end()) {
    api.rados_read_op_cmpxattr(op.get(), revision.c_str(), LIBRADOS_CMPXATTR_OP_EQ,
                               known->second.data(), known->second.size());
  } else {
    api.rados_read_op_getxattrs(op.get(), &attributes.iterator, &attributes_result);
  }
  api.rados_read_op_omap_get_vals2(op.get(), after.c_str(), "", kEntriesAtATime, &entries.iterator,
                                   &again, &entries_result);
  RadosCalls::Done done = Operate(pool, std::move(op), object);
  if (done.result < 0) return done;
  if (known == contents.attributes.end()) attributes.AddTo(contents.attributes);
  entries.AddTo(contents.entries);
  more = again != 0;
  return done;
}

}  // namespace

absl::StatusOr<OmapContents> ReadOmap(const RadosPool& pool, const std::string& object,
                                      const std::string& revision) {
  OmapContents contents;
  for (bool more = true; more;) {
    const std::string after = contents.entries.empty() ? "" : contents.entries.rbegin()->first;
    const RadosCalls::Done done = ReadPage(pool, object, revision, after, more, contents);
    if (done.result == -ECANCELED) {
      contents = {};
      more = true;
    } else if (done.result < 0) {
      return done.status;
    }
  }
  return contents;
}

absl::StatusOr<OmapContents> ReadOmapPart(const RadosPool& pool, const std::string& object,
                                          absl::Span<const std::string> keys) {
  Attributes attributes(pool.api());
  Entries entries(pool.api());
  int result = 0;
  ReadOp op = NewReadOp(pool);
  pool.api().rados_read_op_getxattrs(op.get(), &attributes.iterator, &result);
  const KeyNames names(keys);
  if (!keys.empty()) {
    pool.api().rados_read_op_omap_get_vals_by_keys2(op.get(), names.names.data(),
                                                    names.names.size(), names.lengths.data(),
                                                    &entries.iterator, &result);
  }
  GF_RETURN_IF_ERROR(Operate(pool, std::move(op), object).status);
  OmapContents contents;
  attributes.AddTo(contents.attributes);
  if (!keys.empty()) entries.AddTo(contents.entries);
  return contents;
}

absl::StatusOr<RecordMap> ReadOmapKeys(const RadosPool& pool, const std::string& object,
                                       absl::Span<const std::string> keys) {
  RecordMap found;
  while (!keys.empty()) {
    const KeyNames names(keys.subspan(0, kEntriesAtATime));
    keys.remove_prefix(names.names.size());
    Entries entries(pool.api());
    int result = 0;
    ReadOp op = NewReadOp(pool);
    pool.api().rados_read_op_omap_get_vals_by_keys2(op.get(), names.names.data(),
                                                    names.names.size(), names.lengths.data(),
                                                    &entries.iterator, &result);
    GF_RETURN_IF_ERROR(Operate(pool, std::move(op), object).status);
    entries.AddTo(found);
  }
  return found;
}

}  // namespace graphfeed
