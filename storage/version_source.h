#ifndef GRAPHFEED_STORAGE_VERSION_SOURCE_H_
#define GRAPHFEED_STORAGE_VERSION_SOURCE_H_

#include <memory>

#include "storage/catalog.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// A stored version as blocks for an ingest elsewhere that makes a copy of it: the same rows and
// levels, hence the same fingerprint. Blocks hold about `block_bytes`, but at least one graph
// (larger than eight blocks it comes in parts), or one row of a single graph.
std::unique_ptr<GraphSource> ReadVersion(std::shared_ptr<Dataset> dataset,
                                         int64_t block_bytes = kDefaultBlockBytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_VERSION_SOURCE_H_
