// What chance leaves of an epoch of look-ahead packs. All seeds are fixed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "server/batching/packing/look_ahead_pack.h"
#include "tests/server/batching/graph_sizes.h"

namespace graphfeed {
namespace {

constexpr int64_t kEpochs = 50;
constexpr size_t kParts = 10;

using Packs = std::vector<std::vector<int64_t>>;

Packs PacksOf(const Epoch& epoch) {
  Packs packs;
  for (int64_t b = 0; b < epoch.plan().num_batches(); ++b) packs.push_back(epoch.Graphs(b));
  return packs;
}

std::vector<size_t> DecilesOf(const std::vector<int32_t>& sizes) {
  std::vector<size_t> by_size(sizes.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return sizes[a] < sizes[b]; });
  std::vector<size_t> decile(sizes.size());
  for (size_t i = 0; i < by_size.size(); ++i) decile[by_size[i]] = i * kParts / by_size.size();
  return decile;
}

// Where graphs stand, over some epochs: by tenths of them.
class Positions {
 public:
  explicit Positions(const std::vector<int32_t>& sizes)
      : sizes_(sizes), decile_(DecilesOf(sizes)) {}

  void Add(const Packs& packs) {
    for (size_t p = 0; p < packs.size(); ++p) {
      const size_t part = p * kParts / packs.size();
      for (const int64_t graph : packs[p]) {
        counts_[decile_[static_cast<size_t>(graph)]][part] += 1;
        nodes_[part] += sizes_[static_cast<size_t>(graph)];
        graphs_[part] += 1;
      }
    }
    last_ += static_cast<double>(packs.back().size());
    packs_ += static_cast<double>(packs.size());
    ++epochs_;
  }

  // How far the mean size of a part is from that of all, at most, as a share of it.
  double Drift() const {
    const double mean = std::accumulate(nodes_, nodes_ + kParts, 0.0) / All();
    double most = 0;
    for (size_t p = 0; p < kParts; ++p) {
      most = std::max(most, std::abs(nodes_[p] / graphs_[p] / mean - 1));
    }
    return most;
  }

  // By how much the number of graphs in the last packs is off that in all, as a share of it.
  double LastPacks() const { return std::abs(last_ / epochs_ / (All() / packs_) - 1); }

  // Of a decile of sizes over the parts, which have somewhat different numbers of graphs: 9 degrees
  // of freedom.
  double ChiSquare(size_t decile) const {
    const double of_decile = std::accumulate(counts_[decile], counts_[decile] + kParts, 0.0);
    double chi_square = 0;
    for (size_t p = 0; p < kParts; ++p) {
      const double expected = graphs_[p] * of_decile / All();
      chi_square += (counts_[decile][p] - expected) * (counts_[decile][p] - expected) / expected;
    }
    return chi_square;
  }

 private:
  double All() const { return std::accumulate(graphs_, graphs_ + kParts, 0.0); }

  const std::vector<int32_t>& sizes_;
  const std::vector<size_t> decile_;
  double counts_[kParts][kParts] = {};  // by decile of size, by part of the epoch
  double nodes_[kParts] = {};
  double graphs_[kParts] = {};
  double last_ = 0;
  double packs_ = 0;
  double epochs_ = 0;
};

constexpr double kChiSquare9 = 27.9;  // exceeded by chance once in a thousand times

// Nor does what is odd come at the end: as the packs are made, graphs of an uncommon size are left
// for the last one.
TEST(PackRandomnessTest, AnEpochDoesNotDriftFromOneSizeToAnother) {
  const Sizes sizes = ProteinSizes(2000, 3);
  MemoryDataset data = DatasetOf(sizes);
  Positions positions(sizes[0]);
  Positions as_packed(sizes[0]);
  for (int64_t e = 0; e < kEpochs; ++e) {
    auto epoch = Epoch::Create(data, PackRequest(1240, 4700, 64, true), 1, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const Packs packs = PacksOf(*epoch);
    positions.Add(packs);
    const KeyedPermutation order(1, e, RandomPurpose::kPackOrder, std::ssize(packs));
    Packs before(packs.size());
    for (size_t p = 0; p < packs.size(); ++p) {
      before[static_cast<size_t>(order(static_cast<int64_t>(p)))] = packs[p];
    }
    as_packed.Add(before);
  }
  EXPECT_LT(positions.Drift(), 0.05);
  EXPECT_LT(positions.LastPacks(), 0.1);
  EXPECT_GT(as_packed.LastPacks(), 0.25) << "the test does not see what it is for";
  for (size_t d = 0; d < kParts; ++d) {
    EXPECT_LT(positions.ChiSquare(d), kChiSquare9) << "decile " << d;
  }
}

// How often pairs meet in some epochs, beside a model that knows nothing but sizes: all pairs of
// graphs of the same two sizes meet with the same chance in every epoch, so that the number of
// epochs in which a pair meets has a binomial distribution with the mean of its kind of pairs.
struct Meetings {
  double dispersion = 0;  // sum of squared deviations by what the model expects of them
  double standard_error = 0;
  double most_sigmas = 0;  // of one pair, beyond the mean
};

Meetings CountMeetings(const Sizes& sizes, const std::vector<Packs>& epochs) {
  const size_t count = sizes[0].size();
  std::vector<int> met(count * count);
  for (const Packs& packs : epochs) {
    for (const std::vector<int64_t>& pack : packs) {
      for (const int64_t a : pack) {
        for (const int64_t b : pack) {
          if (a < b) ++met[static_cast<size_t>(a) * count + static_cast<size_t>(b)];
        }
      }
    }
  }
  using Size = std::pair<int32_t, int32_t>;
  std::map<std::pair<Size, Size>, std::vector<int>> kinds;
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a + 1; b < count; ++b) {
      const Size first = {sizes[0][a], sizes[1][a]};
      const Size second = {sizes[0][b], sizes[1][b]};
      kinds[std::minmax(first, second)].push_back(met[a * count + b]);
    }
  }
  Meetings result;
  double squares = 0;
  double expected = 0;
  double pairs = 0;
  for (const auto& [kind, times] : kinds) {
    const auto n = static_cast<double>(times.size());
    if (n < 20) continue;  // too few to know their mean
    const double mean = std::accumulate(times.begin(), times.end(), 0.0) / n;
    const double variance = mean * (1 - mean / static_cast<double>(epochs.size()));
    if (variance == 0) continue;
    for (const int t : times) squares += (t - mean) * (t - mean) / variance;
    expected += n - 1;
    pairs += n;
    const int most = *std::max_element(times.begin(), times.end());
    result.most_sigmas = std::max(result.most_sigmas, (most - mean) / std::sqrt(variance));
  }
  result.dispersion = squares / expected;
  result.standard_error = std::sqrt(2 / pairs);
  return result;
}

TEST(PackRandomnessTest, PairsMeetAsOftenAsTheirSizesAllow) {
  constexpr int64_t kManyEpochs = 300;
  const Sizes sizes = MoleculeSizes(400, 5);
  MemoryDataset data = DatasetOf(sizes);
  std::vector<Packs> epochs;
  for (int64_t e = 0; e < kManyEpochs; ++e) {
    auto epoch = Epoch::Create(data, PackRequest(256, 560, 16, true), 2, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    epochs.push_back(PacksOf(*epoch));
  }
  // Meetings in one epoch are not independent of each other, which adds a little to the error.
  const Meetings meetings = CountMeetings(sizes, epochs);
  EXPECT_NEAR(meetings.dispersion, 1, 0.03) << "standard error " << meetings.standard_error;
  EXPECT_LT(meetings.most_sigmas, 7);

  // A packer that would put the same graphs together in one epoch of twenty.
  for (size_t e = 0; e < epochs.size(); e += 20) epochs[e] = epochs[0];
  const Meetings repeated = CountMeetings(sizes, epochs);
  EXPECT_GT(repeated.dispersion, 1.1) << "the test does not see what it is for";
}

// Two graphs meet no more often than if batches were cut from a random order.
TEST(PackRandomnessTest, TheSameGraphsDoNotMeetAgainAndAgain) {
  constexpr int kPairEpochs = 200;
  constexpr size_t kGraphs = 300;
  Sizes sizes = MoleculeSizes(kGraphs, 5);
  MemoryDataset data = DatasetOf(sizes);
  std::vector<int> met(kGraphs * kGraphs);
  double pairs = 0;
  for (int64_t e = 0; e < kPairEpochs; ++e) {
    auto epoch = Epoch::Create(data, PackRequest(256, 560, 16, true), 2, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
      const std::vector<int64_t> graphs = epoch->Graphs(b);
      for (const int64_t first : graphs) {
        for (const int64_t second : graphs) {
          if (first < second) {
            ++met[static_cast<size_t>(first) * kGraphs + static_cast<size_t>(second)];
            pairs += 1;
          }
        }
      }
    }
  }
  // Of 44,850 pairs, each of which meets about 9 times: a Poisson variable of that mean is beyond
  // mean + 6 sigma for none of them in most runs.
  const double mean = pairs / (kGraphs * (kGraphs - 1) / 2.0);
  EXPECT_LT(*std::max_element(met.begin(), met.end()), mean + 7 * std::sqrt(mean) + 1);
}

}  // namespace
}  // namespace graphfeed
