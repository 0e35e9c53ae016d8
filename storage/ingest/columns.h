#ifndef GRAPHFEED_STORAGE_INGEST_COLUMNS_H_
#define GRAPHFEED_STORAGE_INGEST_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"
#include "storage/ingest/column.h"

namespace graphfeed {

// The columns of an ingest, known from the blocks that have come. Not thread-safe.
class IngestColumns {
 public:
  // Both must outlive this; `types` is a schema without columns.
  IngestColumns(const IngestSpec& spec, const Schema& types) : spec_(spec), types_(types) {}

  // Checks a block from outside, after `num_graphs` graphs, and gets to know its columns.
  // INVALID_ARGUMENT names graphs, column and rule.
  absl::Status Check(const GraphBlock& block, int64_t num_graphs);
  // Only the columns by themselves: neither that none is missing, nor sizes, nor values.
  absl::Status CheckColumns(const GraphBlock& block, int64_t num_graphs);

  // Makes the empty columns of a checked block what the others of their column are.
  void FitEmpty(GraphBlock& block) const;

  // Decides the levels once all graphs have come; `num_edges` by type. INVALID_ARGUMENT names the
  // column that fits none, or is missing.
  absl::StatusOr<Schema> MakeSchema(absl::Span<const int64_t> num_edges) const;

  const std::vector<std::unique_ptr<IngestColumn>>& all() const { return columns_; }
  // In all(), of a column that is known.
  size_t IndexOf(const ColumnBlock& block) const { return by_key_.at(KeyOf(block)); }

 private:
  bool Has(const std::string& name) const;  // in a homogeneous dataset
  absl::Status CheckDeclared(const ColumnBlock& column) const;
  // Level where columns of one name may differ in it, type, name.
  using ColumnKey = std::tuple<int, int, std::string>;

  ColumnKey KeyOf(const ColumnBlock& block) const {
    const int level = types_.heterogeneous && block.level ? static_cast<int>(*block.level) : 0;
    return {level, block.type, block.name};
  }
  absl::Status CheckColumn(const ColumnBlock& column, int64_t num_graphs, int64_t block_graphs);
  absl::Status CheckNoneMissing(const GraphBlock& block, int64_t num_graphs) const;
  // Ends of edges, node ids and strings.
  absl::Status CheckValues(const GraphBlock& block, int64_t num_graphs);
  absl::Status CheckValues(const GraphBlock& block, const ColumnBlock& column, int64_t num_graphs,
                           int64_t first_row) const;
  // Of each graph of the block; one entry for a single graph.
  absl::Span<const int64_t> NumNodes(const GraphBlock& block, int type) const;

  const IngestSpec& spec_;
  const Schema& types_;
  std::vector<std::unique_ptr<IngestColumn>> columns_;  // in the order they were first seen
  std::map<ColumnKey, size_t> by_key_;
  std::vector<int64_t> rows_seen_;  // single graph: by column
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_COLUMNS_H_
