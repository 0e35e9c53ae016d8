#ifndef GRAPHFEED_CLIENT_CPP_INGEST_H_
#define GRAPHFEED_CLIENT_CPP_INGEST_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// A dataset on its way to the server. Not thread-safe; dropped without Commit it leaves nothing.
// May outlive its client.
class IngestStream {
 public:
  virtual ~IngestStream() = default;
  // Splits large blocks into messages of up to 4 MiB, at graphs (collections) or at rows (single
  // graphs); a graph or row of more than 60 MiB is INVALID_ARGUMENT. Blocks while the server is
  // behind. An error is final; it is the server's reason where the server refused.
  virtual absl::Status Append(GraphBlock block) = 0;
  virtual absl::StatusOr<DatasetInfo> Commit() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_INGEST_H_
