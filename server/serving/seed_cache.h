#ifndef GRAPHFEED_SERVER_SERVING_SEED_CACHE_H_
#define GRAPHFEED_SERVER_SERVING_SEED_CACHE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/sampling/seed_set.h"
#include "server/serving/admission.h"
#include "server/serving/once_cache.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// What seeds that are read from a dataset depend on: the column of a mask or of a partition, or of
// negatives that keep to times their edge type, the times' name, and how many seed edges there are.
struct SeedKey {
  Fingerprint fingerprint{};
  int column = -1;
  int edge_type = -1;
  std::string time_attr = {};
  int64_t num_pairs = 0;  // explicit ones

  static constexpr size_t kMaxEntries = 64;
  static constexpr bool kKeepUnused = false;  // admission has charged them
  std::string what() const { return "memory of seeds: one set"; }

  // As for plans (plan_cache.h).
  friend auto operator<=>(const SeedKey&,
                          const SeedKey&) = default;  // NOLINT(modernize-use-nullptr)
};

struct ChargedSeeds {
  std::shared_ptr<const Admission::Place> place;  // shared with nobody else; goes last
  SeedSet seeds;

  int64_t memory_bytes() const { return seeds.memory_bytes(); }
};

// Seeds that streams have in use: read and charged once, however many choose from them.
using SeedCache = OnceCache<SeedKey, ChargedSeeds>;

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_SEED_CACHE_H_
