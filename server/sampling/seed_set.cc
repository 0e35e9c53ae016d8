#include "server/sampling/seed_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Nodes whose mask is true. One byte a row, as bools are stored.
absl::StatusOr<std::vector<int64_t>> ReadMask(int column, int64_t num_nodes,
                                              FeatureStore& features) {
  std::vector<uint8_t> mask(static_cast<size_t>(num_nodes));
  const RowRange all{0, num_nodes};
  GF_RETURN_IF_ERROR(features.VisitRows(
      column, absl::MakeConstSpan(&all, 1),
      [&](size_t /*range*/, int64_t offset, int64_t count, const std::byte* rows) {
        const auto* values = reinterpret_cast<const uint8_t*>(rows);
        std::copy(values, values + count, mask.begin() + offset);
      }));
  std::vector<int64_t> nodes;
  nodes.reserve(mask.size() -
                static_cast<size_t>(std::count(mask.begin(), mask.end(), uint8_t{0})));
  for (int64_t node = 0; node < num_nodes; ++node) {
    if (mask[static_cast<size_t>(node)] != 0) nodes.push_back(node);
  }
  return nodes;
}

}  // namespace

absl::StatusOr<SeedSet> SeedSet::Read(const GraphView& graph, const ResolvedSampling& sampling) {
  SeedSet seeds;
  if (sampling.partition >= 0) {
    GF_ASSIGN_OR_RETURN(seeds.clusters_, Clusters::Read(graph, sampling.partition));
    seeds.size_ = seeds.clusters_.num_clusters();
  } else if (sampling.links.has_value()) {
    const ResolvedLinks& links = *sampling.links;
    seeds.size_ = links.explicit_pairs ? static_cast<int64_t>(links.sources.size())
                                       : graph.adjacency.NumEdges(links.edge_type);
    if (seeds.size_ == 0) {
      return absl::InvalidArgumentError(absl::StrCat("sampling.links: there are no seeds, \"",
                                                     graph.schema.EdgeTypeName(links.edge_type),
                                                     "\" has no edges"));
    }
    if (sampling.TimesNegatives(graph.schema)) {
      const auto& [source, relation, target] = graph.schema.edge_types[links.edge_type];
      const std::vector<int>& columns = sampling.time_columns;
      seeds.one_type_ = source == target;
      GF_ASSIGN_OR_RETURN(seeds.source_times_, TimeOrder::Read(graph, source, columns[source]));
      if (!seeds.one_type_) {
        GF_ASSIGN_OR_RETURN(seeds.target_times_, TimeOrder::Read(graph, target, columns[target]));
      }
    }
  } else if (sampling.input_mask >= 0) {
    GF_ASSIGN_OR_RETURN(seeds.masked_,
                        ReadMask(sampling.input_mask, graph.adjacency.NumNodes(sampling.input_type),
                                 graph.features));
    seeds.size_ = static_cast<int64_t>(seeds.masked_.size());
    if (seeds.size_ == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "sampling.input_mask names \"", graph.schema.columns[sampling.input_mask].name,
          "\", which is true of none of ", graph.adjacency.NumNodes(sampling.input_type),
          " nodes"));
    }
  } else {
    seeds.size_ = graph.adjacency.NumNodes(sampling.input_type);
    if (seeds.size_ == 0) {
      return absl::InvalidArgumentError(absl::StrCat("sampling.input_type: there are no seeds, \"",
                                                     graph.schema.node_types[sampling.input_type],
                                                     "\" has no nodes"));
    }
  }
  return seeds;
}

int64_t SeedSet::memory_bytes() const {
  return static_cast<int64_t>(
             (masked_.capacity() + clusters_.nodes.capacity() + clusters_.ptr.capacity()) *
             sizeof(int64_t)) +
         source_times_.memory_bytes() + target_times_.memory_bytes();
}

}  // namespace graphfeed
