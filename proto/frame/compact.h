#ifndef GRAPHFEED_PROTO_FRAME_COMPACT_H_
#define GRAPHFEED_PROTO_FRAME_COMPACT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"

namespace graphfeed {

// A slab without its padding: pieces that travel as they are, and between them runs of one row
// over and over, which the receiver writes itself. From the first byte to the last, for each pair:
//
//     varint literal bytes (of the payload, in order)
//     varint run bytes; if not 0: varint bytes of a row, then that row. A run is whole rows.
struct CompactFrame {
  struct Piece {
    int64_t offset = 0;
    int64_t size = 0;
  };
  std::string runs;             // the code above
  std::vector<Piece> literals;  // of the slab: the payload, end to end
  int64_t payload_bytes = 0;    // sum of them
};

// Looks for runs where frames of a fixed-size layout have padding: behind the `real` rows of each
// micro-batch. `slab` holds layout.slab_bytes. The code stays near 1 MiB, whatever the slab holds.
CompactFrame Compact(const Layout& layout, absl::Span<const Counts> real, const std::byte* slab);

// The size of the slab that a code describes, whose payload must have `payload_bytes`. DATA_LOSS
// for anything that is no code, or a slab of more than `max_bytes`.
absl::StatusOr<int64_t> ExpandedBytes(absl::string_view runs, int64_t payload_bytes,
                                      int64_t max_bytes);

// Writes the next `size` bytes of a payload to `to`; false: they cannot be had.
using PayloadReader = absl::FunctionRef<bool(std::byte* to, int64_t size)>;

// Writes every byte of the slab: literals straight from the payload to their places. Requires that
// ExpandedBytes has accepted the code. False: the payload could not be read.
bool Expand(absl::string_view runs, PayloadReader read, std::byte* slab);

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_COMPACT_H_
