#ifndef GRAPHFEED_TESTS_STORAGE_FAULT_FOLDER_H_
#define GRAPHFEED_TESTS_STORAGE_FAULT_FOLDER_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"
#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"
#include "tests/storage/graph_blocks.h"

namespace graphfeed {

// The files of a folder by their relative names, to compare and to put back.
using FolderImage = std::map<std::string, std::string>;

inline FolderImage ReadFolder(const std::filesystem::path& folder) {
  FolderImage image;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    image[std::filesystem::relative(entry.path(), folder).string()] =
        std::string{std::istreambuf_iterator<char>(file), {}};
  }
  return image;
}

inline void WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void WriteFolder(const std::filesystem::path& folder, const FolderImage& image) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "bulk");
  for (const auto& [name, bytes] : image) {
    std::filesystem::create_directories((folder / name).parent_path());
    WriteFile(folder / name, bytes);
  }
}

// Writes what differs from `image`, and removes what is not in it.
inline void RestoreFolder(const std::filesystem::path& folder, const FolderImage& image) {
  const FolderImage now = ReadFolder(folder);
  for (const auto& [name, bytes] : now) {
    if (!image.contains(name)) std::filesystem::remove(folder / name);
  }
  for (const auto& [name, bytes] : image) {
    const auto it = now.find(name);
    if (it == now.end() || it->second != bytes) WriteFile(folder / name, bytes);
  }
}

// Whether a file is one of those that hold data, and not RocksDB's options and logs.
inline bool IsDataFile(const std::string& name) {
  return absl::EndsWith(name, ".sst") || absl::StartsWith(name, "MANIFEST-") || name == "CURRENT" ||
         name == "CATALOG";
}

inline absl::StatusOr<std::unique_ptr<Catalog>> OpenFolder(const std::filesystem::path& folder,
                                                           const CatalogOptions& options = {}) {
  auto store = OpenRocksDbChunkStore(
      folder.string(),
      {.access = options.read_only ? StoreAccess::kReadOnly : StoreAccess::kReadWrite});
  if (!store.ok()) return store.status();
  return Catalog::Open(*std::move(store), options);
}

// "name@version fingerprint" of every version that is read whole and right.
inline absl::StatusOr<std::string> Contents(Catalog& catalog) {
  std::string text;
  for (const DatasetInfo& info : catalog.List()) {
    const std::string name = absl::StrCat(info.name, "@", info.version);
    auto dataset = catalog.OpenDataset(name);
    if (!dataset.ok()) return dataset.status();
    if (absl::Status status = (*dataset)->Verify(); !status.ok()) return status;
    absl::StrAppend(&text, name, " ", DigestHex(info.fingerprint), "\n");
  }
  return text;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_FAULT_FOLDER_H_
