#ifndef GRAPHFEED_STORAGE_PARTITION_PARTITION_H_
#define GRAPHFEED_STORAGE_PARTITION_PARTITION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/catalog.h"

namespace graphfeed {

struct PartitionOptions {
  int64_t num_parts = 0;  // 1 to the number of nodes
  uint64_t seed = 0;
  std::string column = "partition";
};

// Splits the nodes of a homogeneous single graph into parts of about equal size with few edges
// between them: METIS's multilevel k-way scheme (Karypis and Kumar 1998). Edges count without
// direction, once however often they occur; self-loops do not. Returns the part of each node, 0 to
// num_parts - 1; a part may be empty.
//
// The same graph, options and METIS give the same parts. Holds the whole graph in memory: 8 bytes
// an edge while the undirected graph is built, and what METIS takes, outside of any budget. One
// partition at a time. METIS catches SIGTERM and SIGABRT of the process meanwhile; a server has
// them blocked.
//
// INVALID_ARGUMENT for other graphs, for num_parts out of range, and for graphs with 2^31 or more
// nodes or ends of undirected edges, which METIS's 32-bit indices cannot count.
absl::StatusOr<std::vector<int64_t>> PartitionGraph(Dataset& dataset,
                                                    const PartitionOptions& options);

// Partitions the version that `name` means (as for Catalog::Get) and publishes a new one with the
// parts as an additional int64 node column.
absl::StatusOr<DatasetInfo> AddPartition(Catalog& catalog, absl::string_view name,
                                         const PartitionOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_PARTITION_PARTITION_H_
