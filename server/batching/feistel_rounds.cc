#include "server/batching/feistel_rounds.h"

#include <cstring>

namespace graphfeed {
namespace {

// A mixer of 64 bits (the finalizer of MurmurHash3 with Stafford's constants, variant 13), of
// numbers or of vectors of them.
constexpr uint64_t kFirstFactor = 0xbf58476d1ce4e5b9u;
constexpr uint64_t kSecondFactor = 0x94d049bb133111ebu;

void RoundsOfEight(uint64_t* left, uint64_t* right, const FeistelKeys& keys, uint64_t half_mask) {
  FeistelRoundsOf(kFeistelLanes, left, right, keys, half_mask);
}

#if defined(__x86_64__)
using Vector __attribute__((vector_size(kFeistelLanes * sizeof(uint64_t)))) = uint64_t;

// In vectors of the width of whoever inlines it.
__attribute__((always_inline)) inline void RoundsInVectors(uint64_t* left, uint64_t* right,
                                                           const FeistelKeys& keys,
                                                           uint64_t half_mask) {
  Vector l;
  Vector r;
  std::memcpy(&l, left, sizeof(l));
  std::memcpy(&r, right, sizeof(r));
  for (const uint64_t key : keys) {
    Vector x = r ^ key;
    x = (x ^ (x >> 30)) * kFirstFactor;
    x = (x ^ (x >> 27)) * kSecondFactor;
    x ^= x >> 31;
    const Vector mixed = l ^ (x & half_mask);
    l = r;
    r = mixed;
  }
  std::memcpy(left, &l, sizeof(l));
  std::memcpy(right, &r, sizeof(r));
}

__attribute__((target("avx2"))) void RoundsByAvx2(uint64_t* left, uint64_t* right,
                                                  const FeistelKeys& keys, uint64_t half_mask) {
  RoundsInVectors(left, right, keys, half_mask);
}

__attribute__((target("avx512f,avx512dq"))) void RoundsByAvx512(uint64_t* left, uint64_t* right,
                                                                const FeistelKeys& keys,
                                                                uint64_t half_mask) {
  RoundsInVectors(left, right, keys, half_mask);
}
#endif

}  // namespace

void FeistelRoundsOf(size_t lanes, uint64_t* left, uint64_t* right, const FeistelKeys& keys,
                     uint64_t half_mask) {
  for (const uint64_t key : keys) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      uint64_t x = right[lane] ^ key;
      x = (x ^ (x >> 30)) * kFirstFactor;
      x = (x ^ (x >> 27)) * kSecondFactor;
      x ^= x >> 31;
      const uint64_t mixed = left[lane] ^ (x & half_mask);
      left[lane] = right[lane];
      right[lane] = mixed;
    }
  }
}

std::vector<FeistelRounds> AvailableFeistelRounds() {
  std::vector<FeistelRounds> available = {&RoundsOfEight};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) available.push_back(&RoundsByAvx2);
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0) {
    available.push_back(&RoundsByAvx512);
  }
#endif
  return available;
}

}  // namespace graphfeed
