#include "server/batching/random.h"

#include <Random123/philox.h>
#include <xxhash.h>

#include <algorithm>
#include <iterator>

#include "server/batching/feistel_rounds.h"
#include "storage/base/check.h"

namespace graphfeed {
CounterRandom::CounterRandom(uint64_t seed, int64_t epoch, RandomPurpose purpose,
                             uint32_t version) {
  // As CanonicalWriter writes them, but there is one for each frame: without its memory.
  std::array<uint8_t, 24> bytes;
  auto next = bytes.begin();
  const auto write = [&next](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) *next++ = static_cast<uint8_t>(value >> (8 * i));
  };
  write(seed, 8);
  write(static_cast<uint64_t>(epoch), 8);
  write(static_cast<uint32_t>(purpose), 4);
  write(version, 4);
  const uint64_t key = XXH3_64bits(bytes.data(), bytes.size());
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
}

std::array<uint32_t, 4> CounterRandom::At(uint64_t batch, uint32_t stream, uint32_t block) const {
  const r123::Philox4x32::ctr_type counter = {
      {static_cast<uint32_t>(batch), static_cast<uint32_t>(batch >> 32), stream, block}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const r123::Philox4x32::ctr_type words = r123::Philox4x32()(counter, key);
  return {words[0], words[1], words[2], words[3]};
}

uint32_t RandomStream::Next() {
  if (left_ == 0) {
    words_ = random_.At(batch_, stream_, block_++);
    left_ = 4;
  }
  return words_[4 - left_--];
}

// Lemire, "Fast random integer generation in an interval" (2019): the high half of a product is
// uniform once the few low halves below 2^w mod bound are rejected.
uint64_t RandomStream::Below(uint64_t bound) {
  GF_DCHECK(bound > 0);
  if (bound <= UINT32_MAX) {
    const auto bound32 = static_cast<uint32_t>(bound);
    const uint32_t reject = -bound32 % bound32;
    uint64_t product;
    do {
      product = uint64_t{Next()} * bound32;
    } while (static_cast<uint32_t>(product) < reject);
    return product >> 32;
  }
  const uint64_t reject = -bound % bound;
  unsigned __int128 product;
  do {
    const uint64_t low = Next();
    const uint64_t word = low | (uint64_t{Next()} << 32);
    product = static_cast<unsigned __int128>(word) * bound;
  } while (static_cast<uint64_t>(product) < reject);
  return static_cast<uint64_t>(product >> 64);
}

KeyedPermutation::KeyedPermutation(uint64_t seed, int64_t epoch, RandomPurpose purpose, int64_t n)
    : n_(n), half_bits_(1) {
  GF_CHECK(n >= 0) << n;
  while (half_bits_ < 32 && (uint64_t{1} << (2 * half_bits_)) < static_cast<uint64_t>(n)) {
    ++half_bits_;
  }
  half_mask_ = (uint64_t{1} << half_bits_) - 1;
  const CounterRandom random(seed, epoch, purpose);
  RandomStream words(random, 0, 0);
  for (uint64_t& key : round_keys_) {
    const uint64_t low = words.Next();
    key = low | (uint64_t{words.Next()} << 32);
  }
}

int64_t KeyedPermutation::operator()(int64_t position) const {
  int64_t value = 0;
  Range(position, absl::MakeSpan(&value, 1));
  return value;
}

// A place outside [0, n) is walked on from; the walk comes back into [0, n), since it goes round a
// cycle that it entered from there. Several are under way at a time, so that the processor need not
// wait for one round after the other.
void KeyedPermutation::Range(int64_t begin, absl::Span<int64_t> values) const {
  constexpr size_t kLanes = kFeistelLanes;
  static const FeistelRounds all_lanes = AvailableFeistelRounds().back();
  GF_DCHECK(begin >= 0 && begin + std::ssize(values) <= n_);
  alignas(64) uint64_t left[kLanes];
  alignas(64) uint64_t right[kLanes];
  size_t place[kLanes];  // in values
  const auto start = [&](size_t lane, size_t i) {
    const uint64_t value = static_cast<uint64_t>(begin) + i;
    left[lane] = value >> half_bits_;
    right[lane] = value & half_mask_;
    place[lane] = i;
  };
  size_t next = std::min(kLanes, values.size());
  size_t lanes = next;
  for (size_t lane = 0; lane < lanes; ++lane) start(lane, lane);
  while (lanes > 0) {
    if (lanes == kLanes) {
      all_lanes(left, right, round_keys_, half_mask_);
    } else {
      FeistelRoundsOf(lanes, left, right, round_keys_, half_mask_);
    }
    for (size_t lane = 0; lane < lanes;) {
      const uint64_t value = (left[lane] << half_bits_) | right[lane];
      if (value >= static_cast<uint64_t>(n_)) {
        ++lane;
        continue;
      }
      values[place[lane]] = static_cast<int64_t>(value);
      if (next < values.size()) {
        start(lane++, next++);
      } else {
        --lanes;
        left[lane] = left[lanes];
        right[lane] = right[lanes];
        place[lane] = place[lanes];
      }
    }
  }
}

}  // namespace graphfeed
