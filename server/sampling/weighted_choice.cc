// Compiled with -ffp-contract=off (CMakeLists.txt): a fused multiply-add rounds once where the
// other machine rounds twice.
#include "server/sampling/weighted_choice.h"

#include <algorithm>
#include <cmath>

#include "storage/base/check.h"

namespace graphfeed {
namespace {

// Uniform in [0, 1): multiples of 2^-53.
double Unit(uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }

// Uniform in (0, 1): odd multiples of 2^-53.
double OpenUnit(uint64_t word) { return static_cast<double>(word >> 12 << 1 | 1) * 0x1p-53; }

}  // namespace

// u = m 2^e with m in [sqrt(1/2), sqrt(2)), so that nothing cancels where u is near 1;
// ln(m) = 2 atanh(z) = 2 z (1 + z^2 / 3 + z^4 / 5 + ...) with z = (m - 1) / (m + 1), |z| < 0.172.
double NegativeLog(double u) {
  GF_DCHECK(u > 0 && u < 1);
  constexpr double kLn2 = 0.693147180559945309417232121458;
  constexpr double kSqrtHalf = 0.707106781186547524400844362105;
  int exponent;
  double m = std::frexp(u, &exponent);  // exact
  if (m < kSqrtHalf) {
    m *= 2;
    --exponent;
  }
  const double z = (m - 1) / (m + 1);
  const double square = z * z;
  double series = 0;
  for (int k = 25; k >= 1; k -= 2) series = series * square + 1.0 / k;
  return -exponent * kLn2 - 2 * z * series;
}

void WeightedChoice::Choose(const StreamDraws& stream, uint64_t place,
                            absl::Span<const double> weights, int64_t fan_out, bool replace,
                            std::vector<int64_t>& numbers) {
  int64_t num_positive = 0;
  for (const double weight : weights) num_positive += weight > 0;
  if (num_positive == 0 || fan_out == 0) return;
  if (fan_out < 0 || (!replace && num_positive <= fan_out)) {
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] > 0) numbers.push_back(static_cast<int64_t>(i));
    }
    return;
  }
  PlaceDraws draws(stream, place);
  if (replace) return ChooseWithReplacement(draws, weights, fan_out, numbers);

  keys_.clear();
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    keys_.push_back({NegativeLog(OpenUnit(draws.Next64())) / weights[i], static_cast<int64_t>(i)});
  }
  // Keys can be equal (tiny weights make infinite ones): the earlier neighbour comes first then.
  std::nth_element(keys_.begin(), keys_.begin() + fan_out, keys_.end(),
                   [](const Key& a, const Key& b) {
                     return a.key != b.key ? a.key < b.key : a.number < b.number;
                   });
  const size_t first = numbers.size();
  for (int64_t i = 0; i < fan_out; ++i) numbers.push_back(keys_[static_cast<size_t>(i)].number);
  std::sort(numbers.begin() + static_cast<ptrdiff_t>(first), numbers.end());
}

void WeightedChoice::ChooseWithReplacement(PlaceDraws& draws, absl::Span<const double> weights,
                                           int64_t fan_out, std::vector<int64_t>& numbers) {
  sums_.resize(weights.size());
  const auto add_up = [&](double scale) {
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) sums_[i] = sum += weights[i] * scale;
    return sum;
  };
  double total = add_up(1);
  // Huge weights are made smaller by a power of two, which rounds none of those that matter.
  if (!std::isfinite(total)) total = add_up(0x1p-64);
  for (int64_t i = 0; i < fan_out; ++i) {
    const double at = Unit(draws.Next64()) * total;
    // The first sum above it: never one that a weight of zero left where it was.
    auto found = std::upper_bound(sums_.begin(), sums_.end(), at);
    // The product may have been rounded up to the total.
    if (found == sums_.end()) found = std::lower_bound(sums_.begin(), sums_.end(), total);
    numbers.push_back(found - sums_.begin());
  }
}

}  // namespace graphfeed
