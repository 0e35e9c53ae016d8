// Version files that somebody made up: refused with a reason, or a version that is sound and can be
// copied. The first byte chooses: 0, the rest is the file; 1, the rest is records, each after its
// length in two bytes, of which a file with the right checksums is made.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cpp/version_file.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/graph/graph_source.h"
#include "storage/version_source.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

// A few bytes can declare any number of nodes, for each of which an ingest writes something.
constexpr int64_t kMaxNodes = 1 << 16;

std::string WithChecksums(absl::string_view records) {
  std::string file = "GFVERS1\n";
  for (uint64_t number = 0; records.size() >= 2; ++number) {
    const size_t length =
        std::min<size_t>(static_cast<uint8_t>(records[0]) |
                             static_cast<size_t>(static_cast<uint8_t>(records[1])) << 8,
                         records.size() - 2);
    const absl::string_view record = records.substr(2, length);
    const uint64_t checksum = XXH3_64bits_withSeed(record.data(), record.size(), number);
    for (int i = 0; i < 4; ++i) file += static_cast<char>(length >> (8 * i));
    for (int i = 0; i < 8; ++i) file += static_cast<char>(checksum >> (8 * i));
    file.append(record.data(), record.size());
    records.remove_prefix(2 + length);
  }
  return file;
}

// A file without a folder.
class MemoryFile {
 public:
  explicit MemoryFile(absl::string_view contents) : descriptor_(memfd_create("fuzz", 0)) {
    const auto size = static_cast<ssize_t>(contents.size());
    if (descriptor_ < 0 || write(descriptor_, contents.data(), contents.size()) != size) {
      std::abort();
    }
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return absl::StrCat("/proc/self/fd/", descriptor_); }

 private:
  const int descriptor_;
};

std::unique_ptr<Catalog> NewCatalog() {
  auto catalog = Catalog::Open(
      std::make_unique<MemoryChunkStore>(std::make_shared<MemoryDisk>()),
      {.memory_budget_bytes = 1 << 20, .ingest_memory_bytes = 16 << 20, .chunk_bytes = 64});
  if (!catalog.ok()) std::abort();
  return *std::move(catalog);
}

absl::StatusOr<DatasetInfo> Ingest(Catalog& catalog, GraphSource& source, const IngestSpec& spec) {
  for (const int64_t nodes : spec.num_nodes) {
    if (nodes > kMaxNodes) return absl::InvalidArgumentError("more nodes than are tried here");
  }
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<GraphSink> session, catalog.StartIngest(spec));
  for (;;) {
    GF_ASSIGN_OR_RETURN(std::optional<GraphBlock> block, source.Next());
    if (!block.has_value()) return session->Commit();
    GF_RETURN_IF_ERROR(session->Append(*std::move(block)));
  }
}

// Reads the file into a catalog, as the copy that it says it is or as a dataset of its own.
absl::StatusOr<DatasetInfo> Import(const std::string& path, Catalog& catalog, bool copy) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<GraphSource> source, OpenVersionFile(path));
  IngestSpec spec = source->spec();
  if (!copy) spec.copy_of.reset();
  return Ingest(catalog, *source, spec);
}

void CheckRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDataLoss:
      if (!status.message().empty()) return;
      break;
    default:
      break;
  }
  std::abort();
}

// What was published is whole, and a copy of it is the same.
void CheckPublished(Catalog& catalog, const DatasetInfo& info) {
  const auto dataset = catalog.OpenDataset(absl::StrCat(info.name, "@", info.version));
  if (!dataset.ok() || !(*dataset)->Verify().ok()) std::abort();
  const auto source = ReadVersion(*dataset, /*block_bytes=*/256);
  const auto other = NewCatalog();
  const auto copy = Ingest(*other, *source, source->spec());
  if (!copy.ok() || copy->version != info.version || copy->fingerprint != info.fingerprint ||
      copy->transforms != info.transforms || source->done() != source->total()) {
    std::abort();
  }
}

void Fuzz(const uint8_t* data, size_t size) {
  if (size == 0 || data[0] > 1) return;
  const absl::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const MemoryFile file(data[0] == 1 ? WithChecksums(rest) : std::string(rest));
  for (const bool copy : {true, false}) {
    const auto catalog = NewCatalog();
    const absl::StatusOr<DatasetInfo> info = Import(file.path(), *catalog, copy);
    if (info.ok()) {
      CheckPublished(*catalog, *info);
    } else {
      CheckRefusal(info.status());
      if (!catalog->List().empty()) std::abort();
    }
  }
}

}  // namespace
}  // namespace graphfeed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  graphfeed::Fuzz(data, size);
  return 0;
}
