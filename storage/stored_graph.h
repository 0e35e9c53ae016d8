#ifndef GRAPHFEED_STORAGE_STORED_GRAPH_H_
#define GRAPHFEED_STORAGE_STORED_GRAPH_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/chunks/cache.h"
#include "storage/graph/graph_store.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// The in-neighbour lists of an open single graph, read through the cache. Thread-safe.
//
// INVALID_ARGUMENT for nodes, positions and edge types that do not exist; DATA_LOSS names dataset,
// edge type and chunk.
class StoredGraph : public GraphStore {
 public:
  // `manifest` (shared with the catalog) is that of a single graph; the cache must outlive this.
  StoredGraph(std::shared_ptr<const Manifest> manifest, ChunkCache& cache);

  int64_t NumNodes(int node_type) const override { return manifest_->info.num_nodes[node_type]; }
  int64_t NumEdges(int edge_type) const override { return manifest_->info.num_edges[edge_type]; }
  absl::Status InRuns(int edge_type, absl::Span<const int64_t> nodes,
                      absl::Span<InRun> runs) override;
  absl::Status Sources(int edge_type, absl::Span<const int64_t> positions,
                       absl::Span<int64_t> sources) override;
  absl::Status EdgeIds(int edge_type, absl::Span<const int64_t> positions,
                       absl::Span<int64_t> edge_ids) override;

 private:
  struct Lists {
    std::shared_ptr<ChunkCache::Column> in_ptr;  // shared with other versions and the cache
    std::shared_ptr<ChunkCache::Column> in_source;
    std::shared_ptr<ChunkCache::Column> in_edge_id;
  };

  absl::Status Check(int edge_type, size_t num_asked, size_t num_answers) const;
  absl::Status Named(int edge_type, absl::string_view column, const absl::Status& status) const;

  const std::shared_ptr<const Manifest> manifest_;
  ChunkCache& cache_;
  std::vector<Lists> lists_;  // by edge type
};

// "adjacency of paper|cites|paper, in_source": how errors name such a column of a dataset.
std::string AdjacencyName(const Schema& schema, int edge_type, absl::string_view column);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_STORED_GRAPH_H_
