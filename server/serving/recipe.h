#ifndef GRAPHFEED_SERVER_SERVING_RECIPE_H_
#define GRAPHFEED_SERVER_SERVING_RECIPE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "proto/frame/stream_info.h"
#include "server/batching/collater.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/seed_set.h"
#include "server/serving/sampler_memory.h"
#include "storage/catalog.h"

namespace graphfeed {

// A spec resolved against a dataset: all that batches depend on but seed, epoch and ordinal.
// Immutable.
struct Recipe {
  // What plans refer to. Plans that are kept for later keep this, but no seeds and no sampler.
  struct Basis {
    std::shared_ptr<Dataset> dataset;  // shared with the catalog's other readers
    ResolvedSpec spec;
    GraphOffsets seed_offsets;  // sampled specs: how many items the selection chooses from

    // What plans are made of: graphs, or the items that sampled batches select.
    const GraphOffsets& items() const {
      return spec.sampling.has_value() ? seed_offsets : dataset->offsets();
    }
  };

  std::shared_ptr<const Basis> basis;  // shared with plans
  Fingerprint spec_digest{};
  // Sampled specs: what the selection chooses from, and the samplers' working memory. Shared with
  // other recipes of the dataset, which charge it once for all.
  std::shared_ptr<const SeedSet> seeds;
  std::shared_ptr<SamplerMemory> memory;
  bool dense = false;                  // whether the sampler uses the memory's tables
  std::unique_ptr<Collater> collater;  // refers to all of the above

  Dataset& dataset() const { return *basis->dataset; }
  const DatasetInfo& info() const { return dataset().info(); }
  const ResolvedSpec& spec() const { return basis->spec; }
  const Layout& layout() const { return collater->layout(); }
  // "name@version".
  std::string dataset_name() const;
  // What a stream of this recipe says before its first frame.
  StreamInfo Header(uint64_t seed, uint32_t prefetch) const;
  // No frame is larger, whatever the seed, the epoch and the ordinal. For ragged layouts a bound
  // computed from the dataset's largest graphs or from the fan-outs, at most `max_frame_bytes`.
  int64_t FrameBound(int64_t max_frame_bytes) const;
  // Memory of a frame's graph ids.
  int64_t graph_id_bytes() const;
  // To be held by whoever builds frames (SamplerMemory::Hold).
  std::shared_ptr<const void> HoldTables() const { return dense ? memory->Hold() : nullptr; }
  // Memory of the recipe alone, however many frames are built: the spec's lists.
  int64_t held_bytes() const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_RECIPE_H_
