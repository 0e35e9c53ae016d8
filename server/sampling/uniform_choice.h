#ifndef GRAPHFEED_SERVER_SAMPLING_UNIFORM_CHOICE_H_
#define GRAPHFEED_SERVER_SAMPLING_UNIFORM_CHOICE_H_

#include <cstdint>
#include <vector>

#include "server/sampling/draws.h"

namespace graphfeed {

// How many of `count` neighbours a fan-out of `fan_out` takes.
inline int64_t NumChosen(int64_t count, int64_t fan_out, bool replace) {
  if (fan_out < 0 || count == 0) return count;
  return replace || fan_out < count ? fan_out : count;
}

// Chooses neighbours by number, all alike. Thread-compatible; keeps a bit for each in-edge of the
// largest hub that it chose more than kScanned from.
class UniformChoice {
 public:
  // Writes NumChosen(count, fan_out, replace) numbers of [0, count), each increased by `base`, to
  // `out`. All, ascending, if none is to be left out; else in the order of the draws: with
  // replacement one draw each, without by Floyd's algorithm (Bentley and Floyd 1987): for j from
  // count - fan_out to count - 1, a draw of [0, j], or j where that was taken already.
  void Choose(const StreamDraws& stream, uint64_t place, int64_t count, int64_t fan_out,
              bool replace, int64_t base, int64_t* out) {
    if (fan_out < 0 || (!replace && count <= fan_out) || count == 0) {
      for (int64_t j = 0; j < count; ++j) out[j] = base + j;
      return;
    }
    PlaceDraws draws(stream, place);
    if (replace) {
      for (int64_t i = 0; i < fan_out; ++i) {
        out[i] = base + static_cast<int64_t>(draws.Below(static_cast<uint64_t>(count)));
      }
    } else if (count <= 64) {
      uint64_t taken = 0;
      for (int64_t j = count - fan_out; j < count; ++j) {
        uint64_t number = draws.Below(static_cast<uint64_t>(j) + 1);
        if (taken >> number & 1) number = static_cast<uint64_t>(j);
        taken |= uint64_t{1} << number;
        *out++ = base + static_cast<int64_t>(number);
      }
    } else if (fan_out <= kScanned) {
      int64_t* const first = out;
      for (int64_t j = count - fan_out; j < count; ++j) {
        int64_t chosen = base + static_cast<int64_t>(draws.Below(static_cast<uint64_t>(j) + 1));
        bool taken = false;
        for (const int64_t* other = first; other < out; ++other) taken |= *other == chosen;
        if (taken) chosen = base + j;
        *out++ = chosen;
      }
    } else {
      ChooseWithBits(draws, count, fan_out, base, out);
    }
  }

 private:
  // Up to here a look at all chosen ones is cheaper than a bitmap of the neighbours.
  static constexpr int64_t kScanned = 32;

  void ChooseWithBits(PlaceDraws& draws, int64_t count, int64_t fan_out, int64_t base,
                      int64_t* out);

  std::vector<uint64_t> bits_;  // all zero between calls
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_UNIFORM_CHOICE_H_
