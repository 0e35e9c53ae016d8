#ifndef GRAPHFEED_SERVER_SAMPLING_NODE_TABLE_H_
#define GRAPHFEED_SERVER_SAMPLING_NODE_TABLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"

namespace graphfeed {

// The nodes of one type in a batch, in the order of their discovery. In disjoint subgraphs a node
// is one of a tree, and the same node of two trees is two; `trees` is empty otherwise.
struct NodeList {
  std::vector<int64_t>& nodes;
  std::vector<int32_t>& trees;
};

// Finds the places of nodes in a NodeList: the relabelling of a sampler. A table belongs to one
// list from StartBatch on and knows what was added through it. Calls take many nodes at once, so
// that they can look ahead. Thread-compatible.
class NodeTable {
 public:
  virtual ~NodeTable() = default;

  // Forgets all nodes.
  virtual void StartBatch() = 0;

  // Appends all nodes, repeats included; a repeated node is found at its first place.
  virtual void AppendSeeds(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
                           NodeList list) = 0;

  // places[i] = where nodes[i] (of trees[i], unless `trees` is empty) is; appends it if it is
  // nowhere yet.
  virtual void FindOrAppend(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
                            NodeList list, int32_t* places) = 0;

  // places[i] = where nodes[i] is, or -1.
  virtual void Find(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
                    int32_t* places) const = 0;
};

// 8 bytes for each of `num_nodes` nodes, cleared by a change of stamp. Not for trees.
std::unique_ptr<NodeTable> NewDenseNodeTable(int64_t num_nodes);
inline constexpr int64_t kDenseBytesPerNode = 8;

// Memory and time in proportion to the batch, however large the graph (open addressing).
std::unique_ptr<NodeTable> NewHashedNodeTable();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_NODE_TABLE_H_
