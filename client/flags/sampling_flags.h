#ifndef GRAPHFEED_CLIENT_FLAGS_SAMPLING_FLAGS_H_
#define GRAPHFEED_CLIENT_FLAGS_SAMPLING_FLAGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/frame/batch_spec.h"

namespace graphfeed {

// "15,10" for every edge type, or "movie|to|director=5,5;actor|to|movie=3,-1"; one list without a
// type serves the types that are not named.
absl::StatusOr<std::map<std::string, std::vector<int64_t>>> ParseNumNeighbors(
    absl::string_view text);

// The flags that say how --strategy neighbor and cluster take batches out of a single graph.
class SamplingFlags {
 public:
  void Register(CLI::App& command);
  // INVALID_ARGUMENT names the flag; also for a flag that the strategy has no use for.
  absl::StatusOr<SamplingSpec> Build(Strategy strategy) const;
  // INVALID_ARGUMENT when one of the flags was given, which only sampled batches have.
  absl::Status CheckNotGiven() const;

 private:
  absl::StatusOr<LinkSeeds> BuildLinks() const;
  bool Given(absl::string_view name) const;

  CLI::App* command_ = nullptr;
  std::string num_neighbors_;
  bool replace_ = false;
  std::string subgraph_type_ = "directional";
  bool disjoint_ = false;
  std::string time_attr_;
  std::string temporal_strategy_ = "uniform";
  std::string weight_attr_;
  std::string input_nodes_;
  std::string links_;
  std::string negatives_ = "none";
  bool exclude_seed_edges_ = false;
  std::string partition_ = "partition";
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_SAMPLING_FLAGS_H_
