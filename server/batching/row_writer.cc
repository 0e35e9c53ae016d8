#include "server/batching/row_writer.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "storage/base/check.h"
#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

struct Half {
  uint16_t bits;
};

template <typename To, typename From>
To Cast(From value) {
  return static_cast<To>(value);
}
template <>
Half Cast<Half, float>(float value) {
  return {Float16FromFloat(value)};
}
template <>
Half Cast<Half, double>(double value) {
  return {Float16FromDouble(value)};
}

// Calls `body` with a pointer of the type that a dtype of indices has.
template <typename Body>
void WithIndexType(DType dtype, std::byte* bytes, Body body) {
  if (dtype == DType::kInt32) {
    body(reinterpret_cast<int32_t*>(bytes));
  } else {
    GF_CHECK(dtype == DType::kInt64) << DTypeName(dtype);
    body(reinterpret_cast<int64_t*>(bytes));
  }
}

}  // namespace

template <typename From, typename To>
void RowWriter::Convert(const std::byte* rows, int64_t count, int64_t row, std::byte* block) const {
  const auto* from = reinterpret_cast<const From*>(rows);
  auto* to = reinterpret_cast<To*>(block);
  if (!concat_last_) {
    to += row * elements_;
    if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Half>) {
      static_assert(sizeof(Half) == sizeof(uint16_t));
      Float16FromFloats(from, count * elements_, &to->bits);
      return;
    }
    for (int64_t i = 0; i < count * elements_; ++i) to[i] = Cast<To>(from[i]);
    return;
  }
  for (int64_t j = 0; j < elements_; ++j) {
    To* run = to + j * block_rows_ + row;
    for (int64_t i = 0; i < count; ++i) run[i] = Cast<To>(from[i * elements_ + j]);
  }
}

void RowWriter::Write(const std::byte* rows, int64_t count, int64_t row, std::byte* block) const {
  if (count == 0 || elements_ == 0) return;
  if (from_ != to_) {
    if (from_ == DType::kInt64) return Convert<int64_t, int32_t>(rows, count, row, block);
    if (from_ == DType::kFloat32) return Convert<float, Half>(rows, count, row, block);
    GF_CHECK(from_ == DType::kFloat64) << DTypeName(from_);
    return Convert<double, Half>(rows, count, row, block);
  }
  const auto size = static_cast<int64_t>(SizeOf(to_));
  if (!concat_last_) {
    std::memcpy(block + row * elements_ * size, rows, count * elements_ * size);
    return;
  }
  switch (size) {
    case 1:
      return Convert<uint8_t, uint8_t>(rows, count, row, block);
    case 2:
      return Convert<uint16_t, uint16_t>(rows, count, row, block);
    case 4:
      return Convert<uint32_t, uint32_t>(rows, count, row, block);
    default:
      return Convert<uint64_t, uint64_t>(rows, count, row, block);
  }
}

template <typename From, typename To>
void RowWriter::Shift(const std::byte* rows, int64_t count, int64_t row, const int64_t* shift,
                      std::byte* block) const {
  const auto* __restrict from = reinterpret_cast<const From*>(rows);
  auto* to = reinterpret_cast<To*>(block);
  if (concat_last_ && elements_ == 2) {
    // edge_index: by far the most common, and a quarter of a batch's bytes.
    To* __restrict sources = to + row;
    To* __restrict targets = to + block_rows_ + row;
    const int64_t source_shift = shift[0];
    const int64_t target_shift = shift[1];
    for (int64_t i = 0; i < count; ++i) {
      sources[i] = static_cast<To>(from[2 * i] + source_shift);
      targets[i] = static_cast<To>(from[2 * i + 1] + target_shift);
    }
    return;
  }
  for (int64_t j = 0; j < elements_; ++j) {
    To* run = concat_last_ ? to + j * block_rows_ + row : to + row * elements_ + j;
    const int64_t stride = concat_last_ ? 1 : elements_;
    for (int64_t i = 0; i < count; ++i) {
      run[i * stride] = static_cast<To>(from[i * elements_ + j] + shift[j]);
    }
  }
}

void RowWriter::WriteShifted(const std::byte* rows, int64_t count, int64_t row,
                             const int64_t* shift, std::byte* block) const {
  if (from_ == DType::kInt32) return Shift<int32_t, int32_t>(rows, count, row, shift, block);
  GF_CHECK(from_ == DType::kInt64) << DTypeName(from_);
  if (to_ == DType::kInt32) return Shift<int64_t, int32_t>(rows, count, row, shift, block);
  Shift<int64_t, int64_t>(rows, count, row, shift, block);
}

void RowWriter::Pad(double value, int64_t row, std::byte* block) const {
  const int64_t count = block_rows_ - row;
  if (count <= 0 || elements_ == 0) return;
  const auto size = static_cast<int64_t>(SizeOf(to_));
  if (!concat_last_) {
    Fill(to_, value, count * elements_, block + row * elements_ * size);
    return;
  }
  for (int64_t j = 0; j < elements_; ++j) {
    Fill(to_, value, count, block + (j * block_rows_ + row) * size);
  }
}

void WriteOrdinals(DType dtype, const int64_t* ptr, int64_t num_graphs, std::byte* block) {
  WithIndexType(dtype, block, [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    for (int64_t g = 0; g < num_graphs; ++g) {
      std::fill(to + ptr[g], to + ptr[g + 1], static_cast<T>(g));
    }
  });
}

void WriteNumbers(DType dtype, const int64_t* numbers, int64_t count, std::byte* block) {
  WithIndexType(dtype, block, [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(numbers[i]);
  });
}

void WritePlaces(DType dtype, const int32_t* places, int64_t begin, int64_t count, int64_t pad,
                 int64_t end, std::byte* row) {
  WithIndexType(dtype, row, [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    T* __restrict out = to + begin;
    const int32_t* __restrict in = places;
    for (int64_t i = 0; i < count; ++i) out[i] = in[i];
    std::fill(to + begin + count, to + end, static_cast<T>(pad));
  });
}

void WriteEdges(DType dtype, int64_t source, int64_t target, int64_t begin, int64_t end,
                int64_t block_edges, std::byte* block) {
  WithIndexType(dtype, block, [&](auto* to) {
    using T = std::remove_pointer_t<decltype(to)>;
    std::fill(to + begin, to + end, static_cast<T>(source));
    std::fill(to + block_edges + begin, to + block_edges + end, static_cast<T>(target));
  });
}

void Renumber(DType dtype, absl::Span<const int64_t> new_id, int64_t first, int64_t begin,
              int64_t end, std::byte* row) {
  WithIndexType(dtype, row, [&](auto* values) {
    using T = std::remove_pointer_t<decltype(values)>;
    for (int64_t e = begin; e < end; ++e) {
      // Read once, and no more than a number: where memory is shared with a client it may have
      // become any.
      const auto id = static_cast<uint64_t>(static_cast<int64_t>(values[e]) - first);
      values[e] = static_cast<T>(first + (id < new_id.size() ? new_id[id] : 0));
    }
  });
}

}  // namespace graphfeed
