#include "server/sampling/uniform_choice.h"

namespace graphfeed {

void UniformChoice::ChooseWithBits(PlaceDraws& draws, int64_t count, int64_t fan_out, int64_t base,
                                   int64_t* out) {
  const auto words = static_cast<size_t>(count / 64 + 1);
  if (bits_.size() < words) bits_.resize(words);
  int64_t* const first = out;
  for (int64_t j = count - fan_out; j < count; ++j) {
    uint64_t number = draws.Below(static_cast<uint64_t>(j) + 1);
    if (bits_[number >> 6] >> (number & 63) & 1) number = static_cast<uint64_t>(j);
    bits_[number >> 6] |= uint64_t{1} << (number & 63);
    *out++ = base + static_cast<int64_t>(number);
  }
  // Only what was set is cleared: a hub costs what is taken of it, not its degree.
  for (const int64_t* chosen = first; chosen < out; ++chosen) {
    bits_[static_cast<uint64_t>(*chosen - base) >> 6] = 0;
  }
}

}  // namespace graphfeed
