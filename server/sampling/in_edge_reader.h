#ifndef GRAPHFEED_SERVER_SAMPLING_IN_EDGE_READER_H_
#define GRAPHFEED_SERVER_SAMPLING_IN_EDGE_READER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/graph/graph_store.h"

namespace graphfeed {

// Reads all in-edges of many nodes in groups of bounded size, so that a hub costs time but no
// memory. Thread-compatible; keeps its buffers.
class InEdgeReader {
 public:
  // `count` in-edges of nodes[node], a part of its run.
  struct Piece {
    size_t node = 0;
    int64_t count = 0;
  };

  // The edges of the pieces one after the other.
  using Visitor = absl::FunctionRef<absl::Status(absl::Span<const Piece> pieces,
                                                 absl::Span<const int64_t> positions,
                                                 absl::Span<const int64_t> sources)>;

  // Calls `visitor` for groups that together hold all in-edges of the nodes, in the order of
  // `nodes` and of the positions. Its first error ends the reading and is returned.
  absl::Status Visit(GraphStore& graph, int edge_type, absl::Span<const int64_t> nodes,
                     Visitor visitor);

 private:
  static constexpr size_t kGroupEdges = size_t{1} << 16;

  std::vector<InRun> runs_;
  std::vector<Piece> pieces_;
  std::vector<int64_t> positions_;
  std::vector<int64_t> sources_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_IN_EDGE_READER_H_
