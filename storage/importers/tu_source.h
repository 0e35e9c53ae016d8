#ifndef GRAPHFEED_STORAGE_IMPORTERS_TU_SOURCE_H_
#define GRAPHFEED_STORAGE_IMPORTERS_TU_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/graph/graph_source.h"
#include "storage/importers/tu_tables.h"

namespace graphfeed {

struct TuOptions {
  // Continuous attributes stand before the one-hot labels, as PyG's use_node_attr and
  // use_edge_attr do; without them they are left out.
  bool node_attributes = false;
  bool edge_attributes = false;
  int64_t block_bytes = kDefaultBlockBytes;
  ImportProgress progress = {};  // while the files are read; may be empty
};

// Graphs as PyG's TUDataset makes them:
//
//   edge_index  int64 [2, e], sorted by (source, target), without loops and repeats
//   x           float32 [n, f]: attributes if asked for, then each label column one-hot, counted
//               from its smallest label
//   edge_attr   float32 [e, d]: likewise; those of repeated edges are summed
//   y           graph_attributes as float32 [1] or [1, k]; else the class as int64, the labels
//               of graph_labels numbered from 0 in ascending order
//
// x, edge_attr and y are missing where the files have nothing for them. The tables are in memory
// from the start (see ReadTuTables); features are expanded block by block.
absl::StatusOr<std::unique_ptr<GraphSource>> MakeTuSource(TuTables tables, std::string name,
                                                          const TuOptions& options);

// Reads a folder with NAME_A.txt, NAME_graph_indicator.txt and so on, each plain or with .gz. Where
// the folder holds several datasets, the one with the folder's name is read. The spec's name is
// NAME.
absl::StatusOr<std::unique_ptr<GraphSource>> OpenTuFolder(const std::string& folder,
                                                          const TuOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_TU_SOURCE_H_
