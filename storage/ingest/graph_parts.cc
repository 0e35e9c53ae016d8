#include "storage/ingest/graph_parts.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/ingest/graph_check.h"

namespace graphfeed {

absl::Status GraphParts::Add(GraphBlock part) {
  if (part.num_graphs != (part.continues ? 0 : 1)) {
    return absl::InvalidArgumentError(absl::StrCat("a block of ", part.num_graphs,
                                                   " graphs is part of one graph; parts count ",
                                                   "none, the last one counts it"));
  }
  bytes_ += BlockBytes(part);
  for (ColumnBlock& column : part.columns) {
    const auto [known, is_new] = by_key_.try_emplace(
        {column.level ? static_cast<int>(*column.level) : 0, column.type, column.name},
        graph_.columns.size());
    if (is_new) {
      graph_.columns.push_back(std::move(column));
      continue;
    }
    ColumnBlock& whole = graph_.columns[known->second];
    const auto problem = [&](absl::string_view what) {
      return absl::InvalidArgumentError(
          absl::StrCat("column \"", column.name, "\" of a graph in parts: ", what));
    };
    if (whole.sizes.size() != 1 || column.sizes.size() != 1) {
      return problem("its only size is how many rows a part has");
    }
    if (column.dtype != whole.dtype || column.row_shape != whole.row_shape ||
        column.concat_last != whole.concat_last || column.zero_dim != whole.zero_dim ||
        column.non_tensor != whole.non_tensor) {
      return problem("its dtype or shape is another one than in an earlier part");
    }
    if (column.sizes[0] < 0 ||
        __builtin_add_overflow(whole.sizes[0], column.sizes[0], &whole.sizes[0])) {
      return problem(absl::StrCat("a part of ", column.sizes[0], " rows"));
    }
    whole.rows.append(column.rows);
    std::move(column.strings.begin(), column.strings.end(), std::back_inserter(whole.strings));
  }
  if (part.continues) return absl::OkStatus();
  graph_.num_graphs = 1;
  graph_.num_nodes = std::move(part.num_nodes);
  graph_.num_edges = std::move(part.num_edges);
  return absl::OkStatus();
}

GraphBlock GraphParts::Take() {
  by_key_.clear();
  bytes_ = 0;
  return std::exchange(graph_, GraphBlock());
}

}  // namespace graphfeed
