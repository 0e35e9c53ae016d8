#ifndef GRAPHFEED_PROTO_WIRE_INGEST_SEQUENCE_H_
#define GRAPHFEED_PROTO_WIRE_INGEST_SEQUENCE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "storage/graph/graph_source.h"

namespace graphfeed::wire {

// A dataset as the messages of an Ingest: a begin, blocks of up to 4 MiB, a commit. Not
// thread-safe.
class IngestSequence {
 public:
  explicit IngestSequence(std::unique_ptr<GraphSource> source) : source_(std::move(source)) {}

  // The next message, nullopt after the commit. An error is the source's, or INVALID_ARGUMENT for a
  // graph that is too large for a message; it is final.
  absl::StatusOr<std::optional<v1::IngestRequest>> Next();

 private:
  const std::unique_ptr<GraphSource> source_;
  std::deque<GraphBlock> parts_;  // of the block last read
  int64_t num_graphs_ = 0;
  bool begun_ = false;
  bool committed_ = false;
};

// The next message of a sequence, or nullopt where it ends.
using NextMessage = std::function<absl::StatusOr<std::optional<v1::IngestRequest>>()>;

// The way back. Reads the begin; INVALID_ARGUMENT for messages that are malformed or out of order,
// DATA_LOSS for a sequence that ends before its commit or that commits another number of graphs.
// These name the sequence as `title` does; errors of `next` pass as they are. What the rows add up
// to is not looked at: an ingest does that.
absl::StatusOr<std::unique_ptr<GraphSource>> ReadIngestSequence(std::string title,
                                                                NextMessage next);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_INGEST_SEQUENCE_H_
