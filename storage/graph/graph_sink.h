#ifndef GRAPHFEED_STORAGE_GRAPH_GRAPH_SINK_H_
#define GRAPHFEED_STORAGE_GRAPH_GRAPH_SINK_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// A dataset on its way into a server or a data folder, taken in blocks such as a GraphSource makes.
// Not thread-safe. Destroyed without Commit, it leaves nothing behind. May outlive whom it is from.
class GraphSink {
 public:
  virtual ~GraphSink() = default;

  // INVALID_ARGUMENT names the graph and the column. Blocks while whoever stores is behind. After
  // an error the sink is dead: every further call repeats it.
  virtual absl::Status Append(GraphBlock block) = 0;
  // Publishes the version, whole or not at all.
  virtual absl::StatusOr<DatasetInfo> Commit() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_GRAPH_SINK_H_
