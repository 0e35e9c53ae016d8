#include "storage/ingest/size_counts.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace graphfeed {

SizeSummary SizeCounts::Summary() const {
  // Sorted, so that sums do not depend on the order in which sizes came.
  std::vector<std::pair<int64_t, int64_t>> counts(counts_.begin(), counts_.end());
  std::sort(counts.begin(), counts.end());

  int64_t n = 0;
  double sum = 0;
  for (const auto& [size, count] : counts) {
    n += count;
    sum += static_cast<double>(size) * static_cast<double>(count);
  }
  SizeSummary summary;
  summary.mean = sum / static_cast<double>(n);
  summary.min = counts.front().first;
  summary.max = counts.back().first;
  if (n > 1) {
    double squares = 0;
    for (const auto& [size, count] : counts) {
      const double deviation = static_cast<double>(size) - summary.mean;
      squares += deviation * deviation * static_cast<double>(count);
    }
    summary.std = std::sqrt(squares / static_cast<double>(n - 1));
  }

  // The size of the graph at `rank` in ascending order.
  const auto at = [&](int64_t rank) {
    for (const auto& [size, count] : counts) {
      if (rank < count) return static_cast<double>(size);
      rank -= count;
    }
    return static_cast<double>(summary.max);
  };
  const auto quantile = [&](double q) {
    const double position = q * static_cast<double>(n - 1);
    const auto below = static_cast<int64_t>(position);
    const double low = at(below);
    return low + (at(below + 1) - low) * (position - static_cast<double>(below));
  };
  summary.quantile25 = quantile(0.25);
  summary.median = at((n - 1) / 2);
  summary.quantile75 = quantile(0.75);
  return summary;
}

}  // namespace graphfeed
