#ifndef GRAPHFEED_STORAGE_INGEST_GRAPH_PARTS_H_
#define GRAPHFEED_STORAGE_INGEST_GRAPH_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// Puts a graph of a collection together that comes in parts (GraphBlock). Not thread-safe.
class GraphParts {
 public:
  // Adds a part from outside, the last one too. INVALID_ARGUMENT for what is no part, or where a
  // column is of another kind than in an earlier part; nothing else is checked.
  absl::Status Add(GraphBlock part);

  bool empty() const { return graph_.columns.empty(); }
  int64_t bytes() const { return bytes_; }
  // The graph as one block, once the last part was added.
  GraphBlock Take();

 private:
  GraphBlock graph_;
  std::map<std::tuple<int, int, std::string>, size_t> by_key_;  // level, type, name
  int64_t bytes_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_GRAPH_PARTS_H_
