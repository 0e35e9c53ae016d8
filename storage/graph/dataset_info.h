#ifndef GRAPHFEED_STORAGE_GRAPH_DATASET_INFO_H_
#define GRAPHFEED_STORAGE_GRAPH_DATASET_INFO_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/graph/schema.h"

namespace graphfeed {

// 128-bit hash, big-endian.
using Fingerprint = std::array<uint8_t, 16>;

// Distribution of a size over the graphs, as PyG's Summary has it: std is the sample's (n - 1; 0
// for one graph), quantiles interpolate linearly (torch.quantile), the median is a size that
// occurs: of two middle ones the smaller (torch.median).
struct SizeSummary {
  double mean = 0;
  double std = 0;
  int64_t min = 0;
  double quantile25 = 0;
  double median = 0;
  double quantile75 = 0;
  int64_t max = 0;
};

// Extreme values of a column. monostate: no values, or strings. Floats leave NaN out.
struct IntRange {
  int64_t min = 0;
  int64_t max = 0;
};
struct FloatRange {
  double min = 0;
  double max = 0;
};
using ValueRange = std::variant<std::monostate, IntRange, FloatRange>;  // bool counts as integer

struct ColumnInfo {
  int64_t num_rows = 0;
  ValueRange values;
  std::optional<SizeSummary> row_sizes = {};  // of the rows of each graph; where they vary
};

// A published version, as users see it.
struct DatasetInfo {
  std::string name;
  int64_t version = 0;
  Fingerprint fingerprint{};
  Schema schema;
  std::vector<ColumnInfo> columns;  // by column of the schema
  int64_t num_graphs = 0;
  std::vector<int64_t> num_nodes;  // totals by node type
  std::vector<int64_t> num_edges;
  std::vector<SizeSummary> node_sizes;  // by node type
  std::vector<SizeSummary> edge_sizes;
  SizeSummary total_node_sizes;  // summed over types
  SizeSummary total_edge_sizes;
  int64_t raw_bytes = 0;  // sum over columns of rows x row size, offsets included
  std::vector<std::string> transforms;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_DATASET_INFO_H_
