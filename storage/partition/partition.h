#ifndef GRAPHFEED_STORAGE_PARTITION_PARTITION_H_
#define GRAPHFEED_STORAGE_PARTITION_PARTITION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/catalog.h"

namespace graphfeed {

struct PartitionOptions {
  int64_t num_parts = 0;  // 1 to the number of nodes
  uint64_t seed = 0;
  std::string column = "partition";
  // Of the process that METIS runs in, and 8 bytes for each node here; 0: as much as there is.
  int64_t memory_bytes = 0;
  // The program graphfeed-partition; empty: the one beside the running program, or
  // on the PATH.
  std::string program = "";
  // Asked ten times a second from the thread that partitions: its error ends the partition, which
  // returns it.
  std::function<absl::Status()> interrupted = nullptr;
};

// Splits the nodes of a homogeneous single graph into parts of about equal size with few edges
// between them: METIS's multilevel k-way scheme (Karypis and Kumar 1998). Edges count without
// direction, once however often they occur; self-loops do not. Returns the part of each node, 0 to
// num_parts - 1; a part may be empty.
//
// The same graph, options and METIS give the same parts. The graph is built and partitioned by a
// process of its own (graphfeed-partition), which ends with the thread that calls this: METIS draws
// from the C library's rand(), of which a process has one, catches signals, and knows no stop.
// Blocks meanwhile. 8 bytes a node are held here.
//
// INVALID_ARGUMENT for other graphs, for num_parts out of range, and for graphs with 2^31 or more
// nodes or ends of undirected edges, which METIS's 32-bit indices cannot count. RESOURCE_EXHAUSTED
// when the memory is not enough. FAILED_PRECONDITION when the program is not there.
absl::StatusOr<std::vector<int64_t>> PartitionGraph(Dataset& dataset,
                                                    const PartitionOptions& options);

// Raw bytes of the column of parts for the dataset.
int64_t PartitionBytes(const DatasetInfo& dataset);

// Partitions the version that `name` means (as for Catalog::Get) and publishes a new one with the
// parts as an additional int64 node column, also if the old one is deleted meanwhile.
absl::StatusOr<DatasetInfo> AddPartition(Catalog& catalog, absl::string_view name,
                                         const PartitionOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_PARTITION_PARTITION_H_
