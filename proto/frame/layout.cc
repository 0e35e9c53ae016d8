#include "proto/frame/layout.h"

#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/canonical_writer.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// a * b for a, b >= 0, or the largest number.
int64_t SaturatingMultiply(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? kMax : product;
}

std::string DisplayName(const TensorSpec& tensor) {
  return tensor.store.empty() ? tensor.name : absl::StrCat(tensor.store, ".", tensor.name);
}

std::string AtLeast(int64_t bytes) {
  return bytes == kMax ? absl::StrCat("more than ", kMax) : absl::StrCat(bytes);
}

absl::Status CheckCounts(const Layout& layout, const Counts& counts) {
  if (counts.nodes.size() != layout.node_types.size() ||
      counts.edges.size() != layout.edge_types.size() ||
      counts.rows.size() != layout.row_columns.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "counts of ", counts.nodes.size(), " node types, ", counts.edges.size(), " edge types and ",
        counts.rows.size(), " columns of rows for a layout of ", layout.node_types.size(), ", ",
        layout.edge_types.size(), " and ", layout.row_columns.size()));
  }
  const auto negative = [](int64_t count) { return count < 0; };
  if (counts.graphs < 0 || counts.seeds < 0 || counts.labels < 0 ||
      std::any_of(counts.nodes.begin(), counts.nodes.end(), negative) ||
      std::any_of(counts.edges.begin(), counts.edges.end(), negative) ||
      std::any_of(counts.rows.begin(), counts.rows.end(), negative)) {
    return absl::InvalidArgumentError("counts are negative");
  }
  return absl::OkStatus();
}

absl::Status CheckAxis(const TensorSpec& tensor, const Counts& counts) {
  const auto has_type = [&](const std::vector<int64_t>& types) {
    return tensor.type >= 0 && static_cast<size_t>(tensor.type) < types.size();
  };
  switch (tensor.axis) {
    case Axis::kNodes:
      if (has_type(counts.nodes)) return absl::OkStatus();
      break;
    case Axis::kEdges:
      if (has_type(counts.edges)) return absl::OkStatus();
      break;
    case Axis::kRows:
      if (has_type(counts.rows)) return absl::OkStatus();
      break;
    case Axis::kGraphs:
    case Axis::kPtr:
    case Axis::kSeeds:
    case Axis::kLabels:
      return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("tensor ", DisplayName(tensor), " has axis ",
                                                 static_cast<int>(tensor.axis), " of type ",
                                                 tensor.type, ", which the layout does not have"));
}

}  // namespace

int64_t CountOf(const TensorSpec& tensor, const Counts& counts) {
  switch (tensor.axis) {
    case Axis::kNodes:
      return counts.nodes[tensor.type];
    case Axis::kEdges:
      return counts.edges[tensor.type];
    case Axis::kGraphs:
      return counts.graphs;
    case Axis::kPtr:
      return counts.graphs == kMax ? kMax : counts.graphs + 1;
    case Axis::kSeeds:
      return counts.seeds;
    case Axis::kLabels:
      return counts.labels;
    case Axis::kRows:
      return counts.rows[tensor.type];
  }
  return 0;
}

int Layout::Find(absl::string_view store, absl::string_view name) const {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].store == store && tensors[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

absl::StatusOr<Placement> Place(const Layout& layout, const Counts& counts, int64_t max_bytes) {
  GF_RETURN_IF_ERROR(CheckCounts(layout, counts));
  if (layout.micro_batches < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("micro_batches is ", layout.micro_batches, "; at least 1"));
  }
  // So that rounding up to the alignment cannot overflow.
  max_bytes = std::min(max_bytes, kMax - kSlabAlignment);
  Placement placement;
  placement.places.reserve(layout.tensors.size());
  for (const TensorSpec& tensor : layout.tensors) {
    GF_RETURN_IF_ERROR(CheckAxis(tensor, counts));
    const int64_t count = CountOf(tensor, counts);
    if (tensor.axis_scale < 0 || std::any_of(tensor.row_shape.begin(), tensor.row_shape.end(),
                                             [](int64_t dim) { return dim < 0; })) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", DisplayName(tensor), " has a negative dimension"));
    }
    TensorPlace place;
    place.shape = tensor.row_shape;
    place.shape.insert(tensor.concat_last ? place.shape.end() : place.shape.begin(),
                       SaturatingMultiply(count, tensor.axis_scale));
    place.shape[0] = SaturatingMultiply(place.shape[0], layout.micro_batches);

    int64_t bytes = static_cast<int64_t>(SizeOf(tensor.dtype));
    int64_t largest_dim = 0;
    for (const int64_t dim : place.shape) {
      bytes = SaturatingMultiply(bytes, dim);
      largest_dim = std::max(largest_dim, dim);
    }
    // A dimension beside a zero one costs no bytes but is no less absurd.
    if (bytes > max_bytes || largest_dim > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "tensor ", DisplayName(tensor), " takes ", AtLeast(std::max(bytes, largest_dim)),
          " bytes; max_frame_bytes, the limit for a batch, is ", max_bytes));
    }
    if (bytes > max_bytes - placement.slab_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the batch takes more than ", max_bytes, " bytes, the limit: ", placement.slab_bytes,
          " before tensor ", DisplayName(tensor), " of ", bytes));
    }
    place.offset = placement.slab_bytes;
    place.size_bytes = bytes;
    placement.slab_bytes =
        (place.offset + bytes + kSlabAlignment - 1) / kSlabAlignment * kSlabAlignment;
    placement.places.push_back(std::move(place));
  }
  if (placement.slab_bytes > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the batch takes ", placement.slab_bytes, " bytes; the limit is ", max_bytes));
  }
  return placement;
}

uint64_t LayoutDigest(const Layout& layout) {
  CanonicalWriter writer;
  writer.U8(2);  // version of this encoding
  writer.Bool(layout.ragged);
  writer.Bool(layout.heterogeneous);
  writer.I64(layout.micro_batches);
  writer.Strings(layout.node_types);
  writer.Strings(layout.edge_types);
  writer.I64(layout.padded.graphs);
  writer.I64s(layout.padded.nodes);
  writer.I64s(layout.padded.edges);
  writer.I64(layout.padded.seeds);
  writer.I64(layout.padded.labels);
  writer.ListOf(layout.tensors, [](CanonicalWriter& w, const TensorSpec& tensor) {
    w.String(tensor.store);
    w.String(tensor.name);
    w.U8(static_cast<uint8_t>(tensor.dtype));
    w.U8(static_cast<uint8_t>(tensor.axis));
    w.U32(static_cast<uint32_t>(tensor.type));
    w.I64(tensor.axis_scale);
    w.Bool(tensor.concat_last);
    w.I64s(tensor.row_shape);
  });
  writer.ListOf(layout.places, [](CanonicalWriter& w, const TensorPlace& place) {
    w.I64s(place.shape);
    w.I64(place.offset);
    w.I64(place.size_bytes);
  });
  writer.I64(layout.slab_bytes);
  // Came later than the others: layouts without them have the digests that they had.
  if (!layout.row_columns.empty()) {
    writer.Strings(layout.row_columns);
    writer.I64s(layout.padded.rows);
  }
  return XXH3_64bits(writer.bytes().data(), writer.bytes().size());
}

}  // namespace graphfeed
