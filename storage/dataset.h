#ifndef GRAPHFEED_STORAGE_DATASET_H_
#define GRAPHFEED_STORAGE_DATASET_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/chunk_store.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// Opens a version: reads its offsets into memory and checks them. DATA_LOSS names the dataset, the
// column and the chunk. `store` and `cache` must outlive the dataset; `on_close` is called with the
// bytes of the offsets when it goes, and must see to that.
absl::StatusOr<std::shared_ptr<Dataset>> LoadDataset(
    std::shared_ptr<const Manifest> manifest, ChunkStore& store, ChunkCache& cache,
    std::function<void(int64_t offsets_bytes)> on_close);

// The manifest of a dataset that LoadDataset opened.
std::shared_ptr<const Manifest> ManifestOf(const Dataset& dataset);

// Bytes of a version's offsets in memory.
int64_t OffsetsBytes(const Manifest& manifest);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_DATASET_H_
