#ifndef GRAPHFEED_STORAGE_IMPORTERS_TU_TABLES_H_
#define GRAPHFEED_STORAGE_IMPORTERS_TU_TABLES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/importers/line_reader.h"

namespace graphfeed {

// A text file of numbers, one row a line; `columns` is 0 where the dataset has no such file.
template <typename T>
struct TuTable {
  int64_t columns = 0;
  std::vector<T> values;

  int64_t rows() const { return columns == 0 ? 0 : static_cast<int64_t>(values.size()) / columns; }
  const T* row(int64_t index) const { return values.data() + index * columns; }
};

struct TuEdge {
  int64_t source = 0;
  int64_t target = 0;
};

// The files of a TU dataset, read and checked against each other. Node ids count from 0 over all
// graphs.
struct TuTables {
  std::vector<int64_t> node_ptr;  // nodes of graph g: [node_ptr[g], node_ptr[g + 1])
  std::vector<TuEdge> edges;      // in the order of the file, loops and repeats included
  TuTable<int64_t> node_labels;
  TuTable<float> node_attributes;
  TuTable<int64_t> edge_labels;  // row i belongs to edges[i]
  TuTable<float> edge_attributes;
  TuTable<int64_t> graph_labels;
  TuTable<float> graph_attributes;

  int64_t num_graphs() const { return static_cast<int64_t>(node_ptr.size()) - 1; }
};

// Opens a file by what follows "NAME_" and precedes ".txt": "A", "graph_indicator", "node_labels".
// nullptr if the dataset has no such file.
using TuOpener = std::function<absl::StatusOr<std::unique_ptr<LineReader>>(absl::string_view part)>;

// Reads all files that there are; A and graph_indicator must be. `on_bytes` may be empty; it is
// told now and then how many bytes have been read since the last call. Memory: 16 bytes an edge, 8
// a label, 4 an attribute, 8 a graph.
// INVALID_ARGUMENT "FILE:LINE: ..." names the value and what it should be: nodes in the order of
// their graphs, edges within a graph, as many rows as there are nodes, edges or graphs.
absl::StatusOr<TuTables> ReadTuTables(const TuOpener& open,
                                      const std::function<void(int64_t)>& on_bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_TU_TABLES_H_
