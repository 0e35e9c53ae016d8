#ifndef GRAPHFEED_STORAGE_BASE_DIGEST_H_
#define GRAPHFEED_STORAGE_BASE_DIGEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace graphfeed {

// XXH3 as storage uses it. On x86 the widest vector instructions of the running machine are
// chosen; the values are the same everywhere.

// XXH3-64, seeded.
uint64_t Hash64(absl::string_view bytes, uint64_t seed);

// XXH3-128 in canonical (big-endian) order.
using Digest = std::array<uint8_t, 16>;

// Hashes bytes that arrive in pieces; where they are cut does not matter.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;

  void Update(absl::string_view bytes);
  void UpdateInt64(int64_t value);  // as 8 little-endian bytes
  Digest Finish() const;            // of all bytes so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string DigestHex(const Digest& digest);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_DIGEST_H_
