#include "proto/frame/compact.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// A run that is shorter costs more in the code and in calls than it saves.
constexpr int64_t kMinRunBytes = 128;
constexpr int64_t kMinRunRows = 8;
constexpr int64_t kMaxRowBytes = 64 << 10;
// When a code has become as long as this, the rest of the slab is literal.
constexpr size_t kLongCodeBytes = 1 << 20;

int64_t MinRun(int64_t row_bytes) { return std::max(kMinRunBytes, kMinRunRows * row_bytes); }

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

std::optional<int64_t> TakeVarint(absl::string_view& in) {
  uint64_t value = 0;
  for (int shift = 0; shift < 63 && !in.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return static_cast<int64_t>(value);
  }
  return std::nullopt;
}

// How many leading bytes of `a` and `b` are equal, of `size`.
int64_t EqualBytes(const std::byte* a, const std::byte* b, int64_t size) {
  constexpr int64_t kBlock = 1024;
  int64_t equal = 0;
  while (size - equal >= kBlock && std::memcmp(a + equal, b + equal, kBlock) == 0) equal += kBlock;
  while (equal < size && a[equal] == b[equal]) ++equal;
  return equal;
}

// Puts literals and runs into a frame, front to back.
class Writer {
 public:
  explicit Writer(const std::byte* slab) : slab_(slab) {}

  // Rows [begin, end) of `row_bytes` each, which may repeat; all before them is literal.
  void AddRows(int64_t begin, int64_t end, int64_t row_bytes) {
    if (row_bytes > kMaxRowBytes) return;
    while (end - begin >= MinRun(row_bytes) && frame_.runs.size() < kLongCodeBytes) {
      const std::byte* row = slab_ + begin;
      const int64_t rest = end - begin - row_bytes;
      const int64_t run =
          EqualBytes(row, row + row_bytes, rest) / row_bytes * row_bytes + row_bytes;
      if (run >= MinRun(row_bytes)) AddRun(begin, run, row_bytes);
      begin += run;
    }
  }

  CompactFrame Finish(int64_t slab_bytes) && {
    if (slab_bytes > done_) {
      AddLiteral(slab_bytes);
      AppendVarint(frame_.runs, 0);
    }
    return std::move(frame_);
  }

 private:
  void AddLiteral(int64_t end) {
    AppendVarint(frame_.runs, static_cast<uint64_t>(end - done_));
    if (end == done_) return;
    frame_.literals.push_back({.offset = done_, .size = end - done_});
    frame_.payload_bytes += end - done_;
    done_ = end;
  }

  void AddRun(int64_t begin, int64_t bytes, int64_t row_bytes) {
    AddLiteral(begin);
    AppendVarint(frame_.runs, static_cast<uint64_t>(bytes));
    AppendVarint(frame_.runs, static_cast<uint64_t>(row_bytes));
    frame_.runs.append(reinterpret_cast<const char*>(slab_ + begin),
                       static_cast<size_t>(row_bytes));
    done_ = begin + bytes;
  }

  const std::byte* const slab_;
  CompactFrame frame_;
  int64_t done_ = 0;  // bytes of the slab
};

absl::Status NoCode(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a compact frame's code: ", what));
}

}  // namespace

CompactFrame Compact(const Layout& layout, absl::Span<const Counts> real, const std::byte* slab) {
  Writer writer(slab);
  for (size_t t = 0; t < layout.tensors.size(); ++t) {
    const TensorSpec& tensor = layout.tensors[t];
    const TensorPlace& place = layout.places[t];
    const int64_t rows = CountOf(tensor, layout.padded) * tensor.axis_scale;
    if (rows == 0 || place.size_bytes == 0) continue;
    // Stretches of `rows` rows: one a micro-batch, or as many as there are fixed dimensions before
    // the variable one.
    auto row_bytes = static_cast<int64_t>(SizeOf(tensor.dtype));
    if (!tensor.concat_last) {
      for (const int64_t extent : tensor.row_shape) row_bytes *= extent;
    }
    const int64_t stretch_bytes = rows * row_bytes;
    const int64_t per_batch = place.size_bytes / stretch_bytes / layout.micro_batches;
    int64_t begin = place.offset;
    for (const Counts& counts : real) {
      const int64_t data = CountOf(tensor, counts) * tensor.axis_scale * row_bytes;
      for (int64_t i = 0; i < per_batch; ++i, begin += stretch_bytes) {
        writer.AddRows(begin + data, begin + stretch_bytes, row_bytes);
      }
    }
  }
  return std::move(writer).Finish(layout.slab_bytes);
}

absl::StatusOr<int64_t> ExpandedBytes(absl::string_view runs, int64_t payload_bytes,
                                      int64_t max_bytes) {
  int64_t slab = 0;
  int64_t payload = 0;
  while (!runs.empty()) {
    const std::optional<int64_t> literal = TakeVarint(runs);
    const std::optional<int64_t> run = TakeVarint(runs);
    if (!literal.has_value() || !run.has_value()) return NoCode("it ends early");
    if (*literal > payload_bytes - payload) return NoCode("the payload ends early");
    payload += *literal;
    if (*literal > max_bytes - slab || *run > max_bytes - slab - *literal) {
      return NoCode(absl::StrCat("a slab of more than ", max_bytes, " bytes"));
    }
    slab += *literal + *run;
    if (*run == 0) continue;
    const std::optional<int64_t> row = TakeVarint(runs);
    if (!row.has_value() || *row < 1 || *run % *row != 0 ||
        *row > static_cast<int64_t>(runs.size())) {
      return NoCode("a run of no whole rows");
    }
    runs.remove_prefix(static_cast<size_t>(*row));
  }
  if (payload != payload_bytes) return NoCode("the payload is longer");
  return slab;
}

bool Expand(absl::string_view runs, PayloadReader read, std::byte* slab) {
  while (!runs.empty()) {
    const int64_t literal = *TakeVarint(runs);
    if (literal > 0 && !read(slab, literal)) return false;
    slab += literal;
    const auto run = static_cast<size_t>(*TakeVarint(runs));
    if (run == 0) continue;
    const auto row = static_cast<size_t>(*TakeVarint(runs));
    const bool uniform = std::all_of(runs.begin(), runs.begin() + static_cast<ptrdiff_t>(row),
                                     [&](char c) { return c == runs.front(); });
    if (uniform) {
      std::memset(slab, static_cast<unsigned char>(runs.front()), run);
    } else {
      std::memcpy(slab, runs.data(), row);
      // What is written is copied behind itself, twice as much each time.
      for (size_t written = row; written < run;) {
        const size_t more = std::min(written, run - written);
        std::memcpy(slab + written, slab, more);
        written += more;
      }
    }
    slab += run;
    runs.remove_prefix(row);
  }
  return true;
}

}  // namespace graphfeed
