#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_SOURCE_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_SOURCE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/graph/graph_source.h"
#include "storage/importers/npy_schema.h"

namespace graphfeed {

struct NpyOptions {
  std::map<std::string, Level> kinds = {};  // levels of homogeneous columns, before the schema's
  int64_t block_bytes = kDefaultBlockBytes;
};

// Arrays of whole datasets, cut into graphs by offsets or counts, or one single graph. Checked
// before the first block: that the files agree in their sizes and every column has a level. Files
// are read in pieces as the blocks are made; memory is one block and a few kilobytes a file.
//
// The level of an undeclared homogeneous column follows from its rows: as many as nodes, as edges
// (as many as both: an "edge" in the name decides), or a multiple of the graphs. INVALID_ARGUMENT
// if it is not what the column's name means (NameContradiction).
absl::StatusOr<std::unique_ptr<GraphSource>> OpenNpyFolder(const std::string& folder,
                                                           const NpyOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_SOURCE_H_
