#ifndef GRAPHFEED_SERVER_SAMPLING_WEIGHTED_CHOICE_H_
#define GRAPHFEED_SERVER_SAMPLING_WEIGHTED_CHOICE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/sampling/draws.h"

namespace graphfeed {

// Chooses neighbours by number with chances in proportion to their weights. A neighbour of weight
// zero is never chosen, as if the edge were not there, not even where all are taken.
//
// The same bytes on every machine: only additions, multiplications and divisions of IEEE doubles
// in a fixed order (no math library, no fused operations). Thread-compatible.
class WeightedChoice {
 public:
  // Appends the chosen numbers of [0, weights.size()). Weights are finite and not negative.
  //
  // Without replacement: the draws are those of taking one neighbour after the other, each in
  // proportion to the weights of those left (Efraimidis and Spirakis 2006: the smallest of
  // -ln(u) / weight, u uniform in (0, 1): two words for each neighbour of positive weight, in
  // their order). Ascending. With replacement: two words a draw, in the order of the draws.
  void Choose(const StreamDraws& stream, uint64_t place, absl::Span<const double> weights,
              int64_t fan_out, bool replace, std::vector<int64_t>& numbers);

 private:
  void ChooseWithReplacement(PlaceDraws& draws, absl::Span<const double> weights, int64_t fan_out,
                             std::vector<int64_t>& numbers);

  struct Key {
    double key;
    int64_t number;
  };
  std::vector<Key> keys_;
  std::vector<double> sums_;
};

// -ln(u) for 0 < u < 1 within a few units of the last place.
double NegativeLog(double u);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_WEIGHTED_CHOICE_H_
