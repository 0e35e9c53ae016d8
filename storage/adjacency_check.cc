#include "storage/adjacency_check.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/column_reader.h"
#include "storage/graph/element_access.h"

namespace graphfeed {
namespace {

// The values of a column of int32 or int64, one after the other.
class IntReader {
 public:
  IntReader(ChunkStore& store, const ColumnStorage& storage)
      : reader_(store, storage), size_(static_cast<size_t>(storage.row_bytes)) {}

  absl::StatusOr<int64_t> Next() {
    if (rows_.empty()) {
      GF_ASSIGN_OR_RETURN(rows_, reader_.Next());
      if (rows_.empty()) return absl::DataLossError("a column ends too early");
    }
    const int64_t value = size_ == sizeof(int32_t) ? LoadElement<int32_t>(rows_.data())
                                                   : LoadElement<int64_t>(rows_.data());
    rows_.remove_prefix(size_);
    return value;
  }

 private:
  ColumnReader reader_;
  const size_t size_;
  absl::string_view rows_;
};

uint64_t HashOf(const Edge& edge) {
  return Hash64(absl::string_view(reinterpret_cast<const char*>(&edge), sizeof(edge)), 0);
}

}  // namespace

absl::Status CheckAdjacency(ChunkStore& store, const EdgeList& edges,
                            const StoredAdjacency& adjacency) {
  uint64_t expected = 0;
  GF_RETURN_IF_ERROR(ScanEdges(store, edges, [&](absl::Span<const Edge> some) {
    for (const Edge& edge : some) expected += HashOf(edge);
    return absl::OkStatus();
  }));

  IntReader in_ptr(store, adjacency.in_ptr.storage);
  IntReader in_source(store, adjacency.in_source.storage);
  IntReader in_edge_id(store, adjacency.in_edge_id.storage);
  uint64_t sum = 0;
  GF_ASSIGN_OR_RETURN(int64_t position, in_ptr.Next());
  if (position != 0) return absl::DataLossError(absl::StrCat("in_ptr begins with ", position));
  for (int64_t target = 0; target < edges.num_targets; ++target) {
    GF_ASSIGN_OR_RETURN(const int64_t end, in_ptr.Next());
    if (end < position || end > edges.num_edges) {
      return absl::DataLossError(absl::StrCat("the in-edges of node ", target, " are ", position,
                                              " to ", end, " of ", edges.num_edges));
    }
    for (int64_t last_id = -1; position < end; ++position) {
      Edge edge{.target = target};
      GF_ASSIGN_OR_RETURN(edge.source, in_source.Next());
      GF_ASSIGN_OR_RETURN(edge.id, in_edge_id.Next());
      if (edge.id <= last_id) {
        return absl::DataLossError(
            absl::StrCat("the in-edges of node ", target, " are not in order of edge id"));
      }
      last_id = edge.id;
      sum += HashOf(edge);
    }
  }
  if (position != edges.num_edges) {
    return absl::DataLossError(
        absl::StrCat("in_ptr ends with ", position, " instead of ", edges.num_edges));
  }
  if (sum != expected) return absl::DataLossError("it is not that of the dataset's edges");
  return absl::OkStatus();
}

}  // namespace graphfeed
