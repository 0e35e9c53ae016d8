#ifndef GRAPHFEED_STORAGE_MANIFEST_MANIFEST_H_
#define GRAPHFEED_STORAGE_MANIFEST_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/base/digest.h"
#include "storage/chunks/format.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// A column of the schema: its rows, or the bytes of its strings and where each begins.
struct StoredData {
  StoredColumn rows;
  std::optional<StoredColumn> string_offsets;
  std::optional<StoredColumn> row_offsets = {};  // varying ones: where each graph's rows begin
};

// The in-neighbour lists of an edge type (CSC by target, stable): the edge at position p comes from
// in_source[p] and is row in_edge_id[p] of the edge columns; the in-edges of target t have the
// positions in_ptr[t] to in_ptr[t + 1].
struct StoredAdjacency {
  StoredColumn in_ptr;      // int64, num_targets + 1 rows
  StoredColumn in_source;   // int32 where the source type has fewer than 2^31 nodes, else int64
  StoredColumn in_edge_id;  // int32 where there are fewer than 2^31 edges, else int64
};

// Element type of node or edge ids below `count` in adjacency columns.
DType IdType(int64_t count);

// All there is to know about a published version.
struct Manifest {
  DatasetInfo info;
  std::vector<StoredData> columns;  // by column of the schema
  std::vector<StoredColumn> node_offsets;
  std::vector<StoredColumn> edge_offsets;
  std::vector<StoredAdjacency> adjacency;  // by edge type; empty for collections
  int64_t published = 0;  // in this store, in seconds since 1970; 0: that is not known

  std::vector<ColumnStorage> storages() const;  // of all columns
  std::vector<uint64_t> uids() const;           // theirs
};

// The version's identity (docs/storage_format.md): schema and content, whatever the dataset is
// called and however it was cut. What is derived (adjacency) does not count.
Fingerprint ComputeFingerprint(const Manifest& manifest);

// Sum over columns of rows times row size, offsets included, adjacency not.
int64_t RawBytes(const Manifest& manifest);

std::string EncodeManifest(const Manifest& manifest);
// DATA_LOSS for bytes that EncodeManifest cannot have made.
absl::StatusOr<Manifest> DecodeManifest(absl::string_view bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_MANIFEST_MANIFEST_H_
