#include "server/serving/recipe.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sampling/subgraph_bound.h"

namespace graphfeed {
namespace {

// The most graphs that a ragged batch of the spec can hold.
int64_t MaxGraphs(const ResolvedSpec& spec, int64_t num_graphs) {
  const std::vector<int64_t>& sizes = spec.selection.batch_sizes;
  const int64_t graphs =
      sizes.empty() ? spec.batch_size : *std::max_element(sizes.begin(), sizes.end());
  return std::min(graphs, spec.selection.size(num_graphs));
}

// graphs * max, without overflow; at most `total` if no graph can occur twice.
int64_t BoundOf(int64_t graphs, int64_t max, int64_t total, bool repeats) {
  int64_t product = 0;
  if (__builtin_mul_overflow(graphs, max, &product)) product = INT64_MAX;
  return repeats ? product : std::min(product, total);
}

}  // namespace

std::string Recipe::dataset_name() const { return absl::StrCat(info().name, "@", info().version); }

StreamInfo Recipe::Header(uint64_t seed, uint32_t prefetch) const {
  return {.dataset = dataset_name(),
          .fingerprint = info().fingerprint,
          .layout = layout(),
          .resolved_spec = SpecFromResolved(spec(), info().schema),
          .spec_digest = spec_digest,
          .seed = seed,
          .prefetch = prefetch};
}

int64_t Recipe::FrameBound(int64_t max_frame_bytes) const {
  if (!layout().ragged) return layout().slab_bytes;
  const DatasetInfo& dataset_info = info();
  if (seeds != nullptr) {
    const absl::StatusOr<Placement> placement =
        Place(layout(), LargestSubgraph(dataset_info, spec(), *seeds), max_frame_bytes);
    return placement.ok() ? placement->slab_bytes : max_frame_bytes;
  }
  const bool repeats = spec().selection.kind == Selection::Kind::kIds;
  Counts most{.graphs = MaxGraphs(spec(), dataset_info.num_graphs), .nodes = {}, .edges = {}};
  for (size_t type = 0; type < dataset_info.num_nodes.size(); ++type) {
    most.nodes.push_back(BoundOf(most.graphs, dataset_info.node_sizes[type].max,
                                 dataset_info.num_nodes[type], repeats));
  }
  for (size_t type = 0; type < dataset_info.num_edges.size(); ++type) {
    most.edges.push_back(BoundOf(most.graphs, dataset_info.edge_sizes[type].max,
                                 dataset_info.num_edges[type], repeats));
  }
  for (const int column : spec().row_columns) {
    const ColumnInfo& rows = dataset_info.columns[column];
    most.rows.push_back(BoundOf(most.graphs, rows.row_sizes->max, rows.num_rows, repeats));
  }
  const absl::StatusOr<Placement> placement = Place(layout(), most, max_frame_bytes);
  return placement.ok() ? placement->slab_bytes : max_frame_bytes;
}

int64_t Recipe::graph_id_bytes() const {
  const int64_t graphs =
      layout().ragged ? MaxGraphs(spec(), info().num_graphs) : layout().padded.graphs;
  // As they are, once more while the frame is in flight, and in the message.
  constexpr int64_t kBytes = 3 * sizeof(int64_t);
  return graphs * layout().micro_batches * kBytes;
}

int64_t Recipe::held_bytes() const { return spec().list_bytes(); }

}  // namespace graphfeed
