#ifndef GRAPHFEED_SERVER_SAMPLING_DRAWS_H_
#define GRAPHFEED_SERVER_SAMPLING_DRAWS_H_

#include <Random123/philox.h>

#include <array>
#include <cstdint>

#include "server/batching/random.h"

namespace graphfeed {

// The generators of one batch and stream (a hop and edge type, say): one for each *place* (of a
// node in the frontier, of a pair among the negatives), so that what is drawn at a place depends on
// no other place and not on how much was drawn there.
//
// Four words of counter are too few for batch, stream, place and block in full width, so the
// counters nest: the first two words at (batch, stream, 0) of the CounterRandom are the key of a
// Philox4x32-10 of this stream alone, whose counters are (place, block), 64 bits each.
class StreamDraws {
 public:
  StreamDraws(const CounterRandom& random, uint64_t batch, uint32_t stream) {
    const std::array<uint32_t, 4> words = random.At(batch, stream, 0);
    key_ = {{words[0], words[1]}};
  }

  r123::Philox4x32::ctr_type Block(uint64_t place, uint64_t block) const {
    const r123::Philox4x32::ctr_type counter = {
        {static_cast<uint32_t>(place), static_cast<uint32_t>(place >> 32),
         static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32)}};
    return r123::Philox4x32()(counter, key_);
  }

 private:
  r123::Philox4x32::key_type key_;
};

// Maps a random word to [0, bound), unbiased, as RandomStream::Below does (Lemire 2019). False: the
// word is to be thrown away.
inline bool Reduce(uint32_t word, uint32_t bound, uint64_t& value) {
  const uint64_t product = uint64_t{word} * bound;
  const auto low = static_cast<uint32_t>(product);
  if (low < bound && low < -bound % bound) return false;
  value = product >> 32;
  return true;
}

inline bool Reduce(uint64_t word, uint64_t bound, uint64_t& value) {
  const auto product = static_cast<unsigned __int128>(word) * bound;
  const auto low = static_cast<uint64_t>(product);
  if (low < bound && low < -bound % bound) return false;
  value = static_cast<uint64_t>(product >> 64);
  return true;
}

// Draws one after the other at one place: words 0 to 3 of block `first_block`, of the next, ...
class PlaceDraws {
 public:
  PlaceDraws(const StreamDraws& stream, uint64_t place, uint64_t first_block = 0)
      : stream_(stream), place_(place), block_(first_block) {}

  uint32_t Next() {
    if (used_ == 4) {
      words_ = stream_.Block(place_, block_++);
      used_ = 0;
    }
    return words_[used_++];
  }

  // Two words, the low one first.
  uint64_t Next64() {
    const uint64_t low = Next();
    return low | (uint64_t{Next()} << 32);
  }

  // Uniform in [0, bound), bound > 0. A rejected word is followed by the next one. One word a try
  // up to 2^32 - 1, two above.
  uint64_t Below(uint64_t bound) {
    uint64_t value;
    if (bound <= UINT32_MAX) {
      while (!Reduce(Next(), static_cast<uint32_t>(bound), value)) {
      }
    } else {
      while (!Reduce(Next64(), bound, value)) {
      }
    }
    return value;
  }

 private:
  const StreamDraws& stream_;
  const uint64_t place_;
  uint64_t block_;
  r123::Philox4x32::ctr_type words_{};
  int used_ = 4;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_DRAWS_H_
