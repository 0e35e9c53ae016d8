#include "storage/partition/partition.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/element_access.h"
#include "storage/partition/metis_process.h"
#include "storage/partition/metis_protocol.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxIndex = std::numeric_limits<int32_t>::max();  // of METIS
// Rows of edge_index read, and parts received, at a time.
constexpr int64_t kRowsAtATime = 1 << 16;
// What the process holds of a graph without edges: 8 bytes a node for its lists, 4 for their
// places, 4 for its part.
constexpr int64_t kProcessBytesPerNode = 16;

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

template <typename T>
absl::Span<const std::byte> AsBytes(const T& value) {
  return {reinterpret_cast<const std::byte*>(&value), sizeof(value)};
}

// Sends the ends of all edges, unless the process listens no more.
absl::Status SendEdges(Dataset& dataset, MetisProcess& process) {
  const DatasetInfo& info = dataset.info();
  const int column = info.schema.FindColumn(Level::kEdge, 0, "edge_index");
  if (column < 0) return absl::OkStatus();
  const DType dtype = info.schema.columns[column].dtype;
  std::vector<int32_t> ends;
  for (int64_t first = 0; first < info.num_edges[0] && !process.ended(); first += kRowsAtATime) {
    const RowRange range{first, std::min(kRowsAtATime, info.num_edges[0] - first)};
    ends.clear();
    GF_RETURN_IF_ERROR(dataset.VisitRows(
        column, {&range, 1}, [&](size_t, int64_t, int64_t count, const std::byte* rows) {
          WithType(dtype, [&](auto type) {
            using T = decltype(type);
            const auto* end = reinterpret_cast<const char*>(rows);
            for (int64_t e = 0; e < 2 * count; ++e, end += sizeof(T)) {
              ends.push_back(static_cast<int32_t>(LoadElement<T>(end)));
            }
          });
        }));
    GF_RETURN_IF_ERROR(process.Send(
        {reinterpret_cast<const std::byte*>(ends.data()), ends.size() * sizeof(int32_t)}));
  }
  return absl::OkStatus();
}

absl::Status CheckReply(const MetisReply& reply, const PartitionOptions& options,
                        const DatasetInfo& info) {
  switch (reply.result) {
    case MetisResult::kParts:
      return absl::OkStatus();
    case MetisResult::kNoMemory:
      return absl::ResourceExhaustedError(absl::StrCat(
          "to partition ", info.num_nodes[0], " nodes and ", info.num_edges[0],
          " edges takes more memory than ",
          options.memory_bytes > 0 ? absl::StrCat("the ", options.memory_bytes, " bytes allowed")
                                   : "there is"));
    case MetisResult::kTooManyEnds:
      return TooLarge("or more ends of undirected edges", reply.detail);
    case MetisResult::kFailed:
      return absl::InternalError(absl::StrCat("METIS failed with code ", reply.detail));
    case MetisResult::kOtherProgram:
      break;
  }
  return absl::FailedPreconditionError("graphfeed-partition is of another version of graphfeed");
}

// The part of each node, as rows of an int64 column.
absl::StatusOr<std::string> PartRows(Dataset& dataset, const PartitionOptions& options) {
  GF_RETURN_IF_ERROR(CheckRequest(dataset, options));
  const DatasetInfo& info = dataset.info();
  const int64_t num_nodes = info.num_nodes[0];
  const int64_t rows_bytes = num_nodes * static_cast<int64_t>(sizeof(int64_t));
  const int64_t least = rows_bytes + num_nodes * kProcessBytesPerNode;
  if (options.memory_bytes > 0 && options.memory_bytes < least) {
    return absl::ResourceExhaustedError(
        absl::StrCat("to partition ", num_nodes, " nodes takes at least ", least,
                     " bytes of memory; ", options.memory_bytes, " are allowed"));
  }
  GF_ASSIGN_OR_RETURN(
      const std::unique_ptr<MetisProcess> process,
      MetisProcess::Start(options.program,
                          options.memory_bytes > 0 ? options.memory_bytes - rows_bytes : 0,
                          options.interrupted));
  const int index = info.schema.FindColumn(Level::kEdge, 0, "edge_index");
  const MetisRequest request = {.num_nodes = num_nodes,
                                .num_edges = index < 0 ? 0 : info.num_edges[0],
                                .num_parts = options.num_parts,
                                .seed = options.seed};
  GF_RETURN_IF_ERROR(process->Send(AsBytes(request)));
  for (int pass = 0; pass < 2; ++pass) GF_RETURN_IF_ERROR(SendEdges(dataset, *process));
  MetisReply reply;
  GF_RETURN_IF_ERROR(process->Receive({reinterpret_cast<std::byte*>(&reply), sizeof(reply)}));
  GF_RETURN_IF_ERROR(CheckReply(reply, options, info));
  std::string rows(static_cast<size_t>(rows_bytes), '\0');
  std::vector<int32_t> parts(static_cast<size_t>(std::min(num_nodes, kRowsAtATime)));
  char* to = rows.data();
  for (int64_t left = num_nodes; left > 0;) {
    const auto count = static_cast<size_t>(std::min(left, kRowsAtATime));
    GF_RETURN_IF_ERROR(
        process->Receive({reinterpret_cast<std::byte*>(parts.data()), count * sizeof(int32_t)}));
    for (size_t i = 0; i < count; ++i, to += sizeof(int64_t)) {
      const int64_t part = parts[i];
      std::memcpy(to, &part, sizeof(part));
    }
    left -= static_cast<int64_t>(count);
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> PartitionGraph(Dataset& dataset,
                                                    const PartitionOptions& options) {
  GF_ASSIGN_OR_RETURN(const std::string rows, PartRows(dataset, options));
  std::vector<int64_t> parts(rows.size() / sizeof(int64_t));
  std::memcpy(parts.data(), rows.data(), rows.size());
  return parts;
}

int64_t PartitionBytes(const DatasetInfo& dataset) {
  int64_t nodes = 0;
  for (const int64_t of_type : dataset.num_nodes) nodes += of_type;
  return nodes * static_cast<int64_t>(sizeof(int64_t));
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
  ColumnBlock column;
  GF_ASSIGN_OR_RETURN(column.rows, PartRows(*dataset, options));
  column.name = options.column;
  column.level = Level::kNode;
  column.dtype = DType::kInt64;
  return catalog.AddColumn(*dataset, std::move(column));
}

}  // namespace graphfeed
