#include "storage/partition/partition.h"

#include <metis.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/graph/element_access.h"
#include "storage/partition/metis_random.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxIndex = std::numeric_limits<idx_t>::max();
static_assert(kMaxIndex == std::numeric_limits<int32_t>::max(), "documented in the header");
// Rows of edge_index read at a time.
constexpr int64_t kRowsAtATime = 1 << 16;

// METIS catches signals of the process.
Mutex metis_mu;

// Neighbours of each node, undirected, without repeats and self-loops: METIS's xadj and adjncy.
struct Undirected {
  std::vector<idx_t> ptr;
  std::vector<idx_t> neighbors;
};

absl::Status TooLarge(absl::string_view what, int64_t count) {
  return absl::InvalidArgumentError(absl::StrCat("the graph has ", count, " ", what,
                                                 "; METIS counts with 32 bits, up to ", kMaxIndex));
}

absl::Status CheckRequest(const Dataset& dataset, const PartitionOptions& options) {
  const DatasetInfo& info = dataset.info();
  const std::string name = absl::StrCat("dataset \"", info.name, "@", info.version, "\"");
  if (info.schema.collection) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is a collection; only a single graph can be partitioned"));
  }
  if (info.schema.node_types.size() != 1 || info.schema.edge_types.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is heterogeneous; only a graph of one node type and one edge type ",
                     "can be partitioned"));
  }
  const int64_t num_nodes = info.num_nodes[0];
  if (options.num_parts < 1 || options.num_parts > num_nodes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "num_parts is ", options.num_parts, "; it is 1 to the number of nodes, ", num_nodes));
  }
  return num_nodes > kMaxIndex ? TooLarge("nodes", num_nodes) : absl::OkStatus();
}

// Calls `visitor(source, target)` for every edge.
template <typename Visitor>
absl::Status VisitEdges(Dataset& dataset, Visitor visitor) {
  const DatasetInfo& info = dataset.info();
  const int column = info.schema.FindColumn(Level::kEdge, 0, "edge_index");
  if (column < 0) return absl::OkStatus();
  const DType dtype = info.schema.columns[column].dtype;
  for (int64_t first = 0; first < info.num_edges[0]; first += kRowsAtATime) {
    const RowRange range{first, std::min(kRowsAtATime, info.num_edges[0] - first)};
    GF_RETURN_IF_ERROR(dataset.VisitRows(
        column, {&range, 1}, [&](size_t, int64_t, int64_t count, const std::byte* rows) {
          WithType(dtype, [&](auto type) {
            using T = decltype(type);
            const auto* ends = reinterpret_cast<const char*>(rows);
            for (int64_t e = 0; e < count; ++e, ends += 2 * sizeof(T)) {
              visitor(static_cast<size_t>(LoadElement<T>(ends)),
                      static_cast<size_t>(LoadElement<T>(ends + sizeof(T))));
            }
          });
        }));
  }
  return absl::OkStatus();
}

absl::StatusOr<Undirected> MakeUndirected(Dataset& dataset) {
  const auto num_nodes = static_cast<size_t>(dataset.info().num_nodes[0]);
  std::vector<int64_t> begin(num_nodes + 1);  // counts, one place further on; then where to write
  GF_RETURN_IF_ERROR(VisitEdges(dataset, [&](size_t source, size_t target) {
    if (source == target) return;
    ++begin[source + 1];
    ++begin[target + 1];
  }));
  for (size_t v = 1; v <= num_nodes; ++v) begin[v] += begin[v - 1];
  Undirected graph;
  graph.neighbors.resize(static_cast<size_t>(begin[num_nodes]));
  std::vector<int64_t> next(begin.begin(), begin.end() - 1);
  GF_RETURN_IF_ERROR(VisitEdges(dataset, [&](size_t source, size_t target) {
    if (source == target) return;
    graph.neighbors[static_cast<size_t>(next[source]++)] = static_cast<idx_t>(target);
    graph.neighbors[static_cast<size_t>(next[target]++)] = static_cast<idx_t>(source);
  }));
  // Each list in order and without repeats, moved up to the end of the one before.
  graph.ptr.reserve(num_nodes + 1);
  graph.ptr.push_back(0);
  auto end = graph.neighbors.begin();
  for (size_t v = 0; v < num_nodes; ++v) {
    const auto first = graph.neighbors.begin() + begin[v];
    const auto last = graph.neighbors.begin() + begin[v + 1];
    std::sort(first, last);
    end = std::move(first, std::unique(first, last), end);
    const int64_t ends = end - graph.neighbors.begin();
    if (ends > kMaxIndex) return TooLarge("or more ends of undirected edges", ends);
    graph.ptr.push_back(static_cast<idx_t>(ends));
  }
  graph.neighbors.erase(end, graph.neighbors.end());
  return graph;
}

absl::StatusOr<std::vector<idx_t>> RunMetis(Undirected& graph, int64_t num_parts, uint64_t seed) {
  auto num_nodes = static_cast<idx_t>(graph.ptr.size() - 1);
  std::vector<idx_t> parts(static_cast<size_t>(num_nodes));
  if (num_parts == 1) return parts;
  if (graph.neighbors.empty()) {  // nothing to keep together
    for (size_t v = 0; v < parts.size(); ++v) {
      parts[v] = static_cast<idx_t>(static_cast<int64_t>(v) * num_parts / num_nodes);
    }
    return parts;
  }
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_NUMBERING] = 0;
  // Non-negative; -1 is METIS's default seed.
  options[METIS_OPTION_SEED] = static_cast<idx_t>((seed ^ (seed >> 32)) & kMaxIndex);
  idx_t num_constraints = 1;
  auto wanted_parts = static_cast<idx_t>(num_parts);
  idx_t cut = 0;
  MutexLock lock(&metis_mu);
  const MetisRandom random;
  const int result = METIS_PartGraphKway(
      &num_nodes, &num_constraints, graph.ptr.data(), graph.neighbors.data(), nullptr, nullptr,
      nullptr, &wanted_parts, nullptr, nullptr, options, &cut, parts.data());
  if (result == METIS_OK) return parts;
  if (result == METIS_ERROR_MEMORY) {
    return absl::ResourceExhaustedError("METIS has not enough memory for the graph");
  }
  return absl::InternalError(absl::StrCat("METIS failed with code ", result));
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PartitionGraph(Dataset& dataset,
                                                    const PartitionOptions& options) {
  GF_RETURN_IF_ERROR(CheckRequest(dataset, options));
  GF_ASSIGN_OR_RETURN(Undirected graph, MakeUndirected(dataset));
  GF_ASSIGN_OR_RETURN(const std::vector<idx_t> parts,
                      RunMetis(graph, options.num_parts, options.seed));
  return std::vector<int64_t>(parts.begin(), parts.end());
}

absl::StatusOr<DatasetInfo> AddPartition(Catalog& catalog, absl::string_view name,
                                         const PartitionOptions& options) {
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset, catalog.OpenDataset(name));
  const DatasetInfo& info = dataset->info();
  if (info.schema.FindColumn(Level::kNode, 0, options.column) >= 0) {
    return absl::InvalidArgumentError(absl::StrCat("column \"", options.column,
                                                   "\" exists already in \"", info.name, "@",
                                                   info.version, "\""));
  }
  GF_ASSIGN_OR_RETURN(const std::vector<int64_t> parts, PartitionGraph(*dataset, options));
  ColumnBlock column;
  column.name = options.column;
  column.level = Level::kNode;
  column.dtype = DType::kInt64;
  column.rows.assign(reinterpret_cast<const char*>(parts.data()), parts.size() * sizeof(int64_t));
  return catalog.AddColumn(absl::StrCat(info.name, "@", info.version), std::move(column));
}

}  // namespace graphfeed
