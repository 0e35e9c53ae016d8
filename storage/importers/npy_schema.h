#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_SCHEMA_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/graph/dtype.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// How rows of one node or edge type or column are cut into graphs: at most one of the two paths.
struct NpySizes {
  std::string ptr;
  std::string counts;
  std::optional<int64_t> total;  // single graph, if the schema says it

  bool has_file() const { return !ptr.empty() || !counts.empty(); }
};

struct NpyColumn {
  std::string name;
  std::string path;  // of the file, or what the names of a sparse matrix's files begin with
  std::optional<Level> level;      // always set when heterogeneous
  int type = 0;                    // node or edge type
  std::optional<bool> along_last;  // axis of concatenation, if the schema says it
  int64_t csr_columns = 0;         // above 0: a sparse matrix of so many columns
  std::optional<DType> dtype;      // if it is not the file's
  NpySizes sizes = {};             // graph level, where the number of rows varies
};

// A folder's schema.json (npy_schema.proto) with defaults filled in and file names made paths.
struct NpyDataset {
  std::string name;
  bool collection = false;
  bool heterogeneous = false;
  std::vector<std::string> node_types;  // empty when homogeneous
  std::vector<EdgeType> edge_types;     // empty when homogeneous
  std::vector<NpySizes> node_sizes;     // by node type; one when homogeneous
  std::vector<NpySizes> edge_sizes;
  std::vector<NpyColumn> columns;
};

// Reads FOLDER/schema.json, or makes the default schema where there is none. INVALID_ARGUMENT
// names the file and the field.
absl::StatusOr<NpyDataset> LoadNpySchema(const std::string& folder);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_SCHEMA_H_
