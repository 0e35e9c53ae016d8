#include "server/batching/packing/nearest_item.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstdlib>

namespace graphfeed {
namespace {

NearestItem FindNearestByItem(const int32_t* first, const int32_t* second, int64_t begin,
                              int64_t end, const WantedSize& of_first,
                              const WantedSize& of_second) {
  NearestItem best;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t cost = std::abs(of_first.wanted - first[i]) * of_first.weight +
                         std::abs(of_second.wanted - second[i]) * of_second.weight;
    if (cost >= best.cost || first[i] > of_first.room || second[i] > of_second.room) continue;
    best = {i, cost};
  }
  return best;
}

#if defined(__x86_64__)
// Eight items at a time: costs are of 64 bits, so those at even and at odd places are computed
// apart, and each of the eight lanes keeps its own best one.
class Lanes {
 public:
  __attribute__((target("avx2"))) Lanes(const WantedSize& of_first, const WantedSize& of_second)
      : first_(of_first), second_(of_second) {}

  __attribute__((target("avx2"))) void Look(const int32_t* first, const int32_t* second,
                                            int64_t item) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + item));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second + item));
    const __m256i too_large =
        _mm256_or_si256(_mm256_cmpgt_epi32(a, first_.room), _mm256_cmpgt_epi32(b, second_.room));
    const __m256i off_a = first_.Off(a);
    const __m256i off_b = second_.Off(b);
    const __m256i number = _mm256_set1_epi64x(item);
    even_.Look(_mm256_add_epi64(_mm256_mul_epu32(off_a, first_.weight),
                                _mm256_mul_epu32(off_b, second_.weight)),
               _mm256_shuffle_epi32(too_large, 0xa0), number);
    odd_.Look(_mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(off_a, 32), first_.weight),
                               _mm256_mul_epu32(_mm256_srli_epi64(off_b, 32), second_.weight)),
              _mm256_shuffle_epi32(too_large, 0xf5), number);
  }

  __attribute__((target("avx2"))) NearestItem Best() const {
    NearestItem best;
    even_.AddTo(best, 0);
    odd_.AddTo(best, 1);
    return best;
  }

 private:
  struct Wanted {
    __attribute__((target("avx2"))) explicit Wanted(const WantedSize& size)
        : wanted(_mm256_set1_epi32(static_cast<int32_t>(size.wanted))),
          weight(_mm256_set1_epi64x(size.weight)),
          room(_mm256_set1_epi32(size.room)) {}

    // How far sizes are from what is wanted, as numbers without a sign.
    __attribute__((target("avx2"))) __m256i Off(__m256i sizes) const {
      return _mm256_sub_epi32(_mm256_max_epi32(sizes, wanted), _mm256_min_epi32(sizes, wanted));
    }

    __m256i wanted;
    __m256i weight;
    __m256i room;
  };

  // Four lanes: the least cost, and of which group of eight.
  struct Best4 {
    __attribute__((target("avx2"))) Best4()
        : cost(_mm256_set1_epi64x(std::numeric_limits<int64_t>::max())),
          group(_mm256_set1_epi64x(-1)) {}

    __attribute__((target("avx2"))) void Look(__m256i new_cost, __m256i refused, __m256i number) {
      const __m256i better = _mm256_andnot_si256(refused, _mm256_cmpgt_epi64(cost, new_cost));
      cost = _mm256_blendv_epi8(cost, new_cost, better);
      group = _mm256_blendv_epi8(group, number, better);
    }

    __attribute__((target("avx2"))) void AddTo(NearestItem& best, int64_t place) const {
      alignas(32) int64_t costs[4];
      alignas(32) int64_t groups[4];
      _mm256_store_si256(reinterpret_cast<__m256i*>(costs), cost);
      _mm256_store_si256(reinterpret_cast<__m256i*>(groups), group);
      for (int64_t lane = 0; lane < 4; ++lane) {
        if (groups[lane] < 0) continue;
        const int64_t item = groups[lane] + 2 * lane + place;
        if (costs[lane] < best.cost || (costs[lane] == best.cost && item < best.item)) {
          best = {item, costs[lane]};
        }
      }
    }

    __m256i cost;
    __m256i group;
  };

  Wanted first_;
  Wanted second_;
  Best4 even_;
  Best4 odd_;
};

__attribute__((target("avx2"))) NearestItem FindNearestByEight(const int32_t* first,
                                                               const int32_t* second, int64_t begin,
                                                               int64_t end,
                                                               const WantedSize& of_first,
                                                               const WantedSize& of_second) {
  Lanes lanes(of_first, of_second);
  int64_t i = begin;
  for (; i + 8 <= end; i += 8) lanes.Look(first, second, i);
  const NearestItem best = lanes.Best();
  const NearestItem rest = FindNearestByItem(first, second, i, end, of_first, of_second);
  return rest.cost < best.cost ? rest : best;
}

// For costs of 32 bits, which all eight lanes compute at a time. Those of items that do not fit may
// go round.
class NarrowLanes {
 public:
  __attribute__((target("avx2")))
  NarrowLanes(const WantedSize& of_first, const WantedSize& of_second)
      : first_(of_first), second_(of_second) {}

  // The lanes' best ones so far: of each the least cost, and how far from the beginning.
  struct Best {
    __m256i costs;
    __m256i places;
  };
  __attribute__((target("avx2"))) static Best None() {
    const __m256i none = _mm256_set1_epi32(std::numeric_limits<int32_t>::max());
    return {none, none};
  }

  __attribute__((target("avx2"))) void Look(const int32_t* first, const int32_t* second,
                                            __m256i places, Best& best) const {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second));
    const __m256i costs = _mm256_add_epi32(first_.Cost(a), second_.Cost(b));
    const __m256i too_large =
        _mm256_or_si256(_mm256_cmpgt_epi32(a, first_.room), _mm256_cmpgt_epi32(b, second_.room));
    const __m256i better = _mm256_andnot_si256(too_large, _mm256_cmpgt_epi32(best.costs, costs));
    best.costs = _mm256_blendv_epi8(best.costs, costs, better);
    best.places = _mm256_blendv_epi8(best.places, places, better);
  }

  // Of two times eight lanes, for items that are numbered from `begin` on.
  __attribute__((target("avx2"))) static NearestItem Least(const Best& one, const Best& other,
                                                           int64_t begin) {
    const __m256i none = _mm256_set1_epi32(std::numeric_limits<int32_t>::max());
    const int32_t cost = LeastOf(_mm256_min_epi32(one.costs, other.costs));
    if (cost == std::numeric_limits<int32_t>::max()) return {};
    const __m256i least = _mm256_set1_epi32(cost);
    const int32_t place = LeastOf(_mm256_min_epi32(
        _mm256_blendv_epi8(none, one.places, _mm256_cmpeq_epi32(one.costs, least)),
        _mm256_blendv_epi8(none, other.places, _mm256_cmpeq_epi32(other.costs, least))));
    return {begin + place, cost};
  }

 private:
  struct Wanted {
    __attribute__((target("avx2"))) explicit Wanted(const WantedSize& size)
        : wanted(_mm256_set1_epi32(static_cast<int32_t>(size.wanted))),
          weight(_mm256_set1_epi32(static_cast<int32_t>(size.weight))),
          room(_mm256_set1_epi32(size.room)) {}

    __attribute__((target("avx2"))) __m256i Cost(__m256i sizes) const {
      return _mm256_mullo_epi32(_mm256_abs_epi32(_mm256_sub_epi32(sizes, wanted)), weight);
    }

    __m256i wanted;
    __m256i weight;
    __m256i room;
  };

  __attribute__((target("avx2"))) static int32_t LeastOf(__m256i eight) {
    __m128i four = _mm_min_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_min_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
  }

  Wanted first_;
  Wanted second_;
};

// Two groups of lanes, so that neither waits for what the other has found.
__attribute__((target("avx2"))) NearestItem FindNearestBySixteen(const int32_t* first,
                                                                 const int32_t* second,
                                                                 int64_t begin, int64_t end,
                                                                 const WantedSize& of_first,
                                                                 const WantedSize& of_second) {
  const NarrowLanes lanes(of_first, of_second);
  NarrowLanes::Best even = NarrowLanes::None();
  NarrowLanes::Best odd = NarrowLanes::None();
  const __m256i step = _mm256_set1_epi32(16);
  __m256i even_places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i odd_places = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
  int64_t i = begin;
  for (; i + 16 <= end; i += 16) {
    lanes.Look(first + i, second + i, even_places, even);
    lanes.Look(first + i + 8, second + i + 8, odd_places, odd);
    even_places = _mm256_add_epi32(even_places, step);
    odd_places = _mm256_add_epi32(odd_places, step);
  }
  const NearestItem best = NarrowLanes::Least(even, odd, begin);
  const NearestItem rest = FindNearestByItem(first, second, i, end, of_first, of_second);
  return rest.cost < best.cost ? rest : best;
}

// Whether a number is one of 32 bits.
bool IsInt32(int64_t value) { return value == static_cast<int32_t>(value); }

// What an item that fits costs at most, in this dimension; no item is smaller than nothing.
int64_t LargestCost(const WantedSize& size) {
  if (size.room < 0) return 0;
  return std::max(std::abs(size.wanted), std::abs(size.room - size.wanted)) * size.weight;
}

bool CostsAreInt32(const WantedSize& of_first, const WantedSize& of_second) {
  return LargestCost(of_first) + LargestCost(of_second) < std::numeric_limits<int32_t>::max();
}

// Each needs more of the wishes and is faster than those before it.
constexpr NearestItemSearch kSearches[] = {&FindNearestByItem, &FindNearestByEight,
                                           &FindNearestBySixteen};

// How many of them find what these wishes want, on this processor.
size_t NumSearches(const WantedSize& of_first, const WantedSize& of_second) {
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (!has_avx2 || !IsInt32(of_first.wanted) || !IsInt32(of_second.wanted)) return 1;
  return CostsAreInt32(of_first, of_second) ? 3 : 2;
}
#else
constexpr NearestItemSearch kSearches[] = {&FindNearestByItem};
size_t NumSearches(const WantedSize& /*of_first*/, const WantedSize& /*of_second*/) { return 1; }
#endif

}  // namespace

std::vector<NearestItemSearch> AvailableNearestItemSearches(const WantedSize& of_first,
                                                            const WantedSize& of_second) {
  return {kSearches, kSearches + NumSearches(of_first, of_second)};
}

NearestItem FindNearest(const int32_t* first, const int32_t* second, int64_t begin, int64_t end,
                        const WantedSize& of_first, const WantedSize& of_second) {
  const NearestItemSearch search = kSearches[NumSearches(of_first, of_second) - 1];
  return search(first, second, begin, end, of_first, of_second);
}

}  // namespace graphfeed
