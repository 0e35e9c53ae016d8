#ifndef GRAPHFEED_PROTO_FRAME_LAYOUT_H_
#define GRAPHFEED_PROTO_FRAME_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/frame/named_enum.h"
#include "storage/graph/dtype.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// How many graphs, nodes and edges: of a batch, of an epoch.
struct Counts {
  int64_t graphs = 0;
  std::vector<int64_t> nodes;      // by node type
  std::vector<int64_t> edges;      // by edge type
  int64_t seeds = 0;               // sampled batches: seed nodes or seed edges
  int64_t labels = 0;              // seed edges and their negatives
  std::vector<int64_t> rows = {};  // by Layout::row_columns

  // All of them 0, of so many types and columns, in the memory that there is.
  void Clear(size_t num_node_types, size_t num_edge_types, size_t num_row_columns = 0) {
    graphs = seeds = labels = 0;
    nodes.assign(num_node_types, 0);
    edges.assign(num_edge_types, 0);
    rows.assign(num_row_columns, 0);
  }

  friend bool operator==(const Counts&, const Counts&) = default;
};

// What a tensor's variable dimension counts.
enum class Axis : uint8_t {
  kNodes = 1,
  kEdges = 2,
  kGraphs = 3,
  kPtr = 4,     // graphs + 1
  kSeeds = 5,   // sampled batches: seed nodes or seed edges
  kLabels = 6,  // seed edges and their negatives
  kRows = 7,    // rows of a column of which graphs have different numbers
};

template <>
struct EnumTable<Axis> {
  static constexpr EnumEntry<Axis> kEntries[] = {
      {Axis::kNodes, "nodes"}, {Axis::kEdges, "edges"}, {Axis::kGraphs, "graphs"},
      {Axis::kPtr, "ptr"},     {Axis::kSeeds, "seeds"}, {Axis::kLabels, "labels"},
      {Axis::kRows, "rows"},
  };
};

// One tensor of a batch, without its place.
struct TensorSpec {
  std::string store;  // Schema::StoreName
  std::string name;
  DType dtype = DType::kFloat32;
  Axis axis = Axis::kNodes;
  int type = 0;                    // which node or edge type or row column `axis` counts
  int64_t axis_scale = 1;          // elements of the variable dimension for each thing counted
  bool concat_last = false;        // the variable dimension is the last one, not the first
  std::vector<int64_t> row_shape;  // the other dimensions

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

// How many of what the tensor's axis counts there are. `tensor.type` must be in the range of the
// counts.
int64_t CountOf(const TensorSpec& tensor, const Counts& counts);

// A tensor's place in a slab.
struct TensorPlace {
  // With all k micro-batches, which follow each other along the first dimension: x is [k N, F],
  // edge_index is [2 k, E].
  std::vector<int64_t> shape;
  int64_t offset = 0;      // bytes from the slab's start; a multiple of kSlabAlignment
  int64_t size_bytes = 0;  // of all k micro-batches
};

inline constexpr int64_t kSlabAlignment = 64;

// The fixed arrangement of a stream's tensors, known before the first batch. Tensors lie in the
// slab in the order of `tensors`, each at the next multiple of 64 bytes; the gaps are zero.
//
// A fixed-size layout has one arrangement, `places`. A ragged one (plain loaders) has one for each
// frame, computed from the frame's counts by the same rule (Place).
struct Layout {
  std::vector<TensorSpec> tensors;  // in the order in which users see them
  int64_t micro_batches = 1;        // 1 when ragged
  bool ragged = false;
  bool heterogeneous = false;
  std::vector<std::string> node_types;
  std::vector<std::string> edge_types;   // "source|relation|target"
  std::vector<std::string> row_columns;  // whose rows are counted by themselves, by name
  Counts padded;                         // of one micro-batch; fixed-size only
  std::vector<TensorPlace> places;       // fixed-size only, by tensor
  int64_t slab_bytes = 0;                // fixed-size only

  // Index of the tensor, or -1.
  int Find(absl::string_view store, absl::string_view name) const;
};

// The places of a slab.
struct Placement {
  std::vector<TensorPlace> places;
  int64_t slab_bytes = 0;  // a multiple of kSlabAlignment
};

// Computes places for batches of these counts. RESOURCE_EXHAUSTED when a dimension or the sum
// would exceed `max_bytes` (checked without overflow, before anything is allocated), naming the
// tensor, its bytes and the limit. INVALID_ARGUMENT for counts that do not match the layout's
// types.
absl::StatusOr<Placement> Place(const Layout& layout, const Counts& counts, int64_t max_bytes);

// XXH3-64 over the documented encoding of everything in the layout (docs/determinism.md): the key
// under which a compiled program can be cached.
uint64_t LayoutDigest(const Layout& layout);

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_LAYOUT_H_
