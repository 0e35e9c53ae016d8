#include "storage/ingest/session.h"

#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/column_writer.h"
#include "storage/ingest/adjacency_builder.h"
#include "storage/ingest/column.h"
#include "storage/ingest/columns.h"
#include "storage/ingest/edge_scan.h"
#include "storage/ingest/graph_check.h"
#include "storage/ingest/graph_parts.h"
#include "storage/ingest/graph_sizes.h"
#include "storage/ingest/new_columns.h"
#include "storage/ingest/spec.h"
#include "storage/transforms/transforms.h"

namespace graphfeed {
namespace {

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(prefix, ": ", status.message()));
}

// Rows stream into column writers as they come, since they are stored the same way at every level;
// only a single graph that is transformed waits in memory. Levels are decided at the end.
class Session : public GraphSink {
 public:
  // `types` as the blocks have them, and after the transforms.
  Session(std::shared_ptr<IngestHost> host, IngestSpec spec, Schema given_types, Schema types,
          const IngestOptions& options)
      : host_(std::move(host)),
        spec_(std::move(spec)),
        given_types_(std::move(given_types)),
        types_(std::move(types)),
        options_(options) {}

  ~Session() override {
    columns_.reset();  // writers first: they may hold files
    sizes_.reset();
    Charge(0);
  }

  absl::Status Append(GraphBlock block) override {
    if (status_.ok()) status_ = DoAppend(std::move(block));
    return status_;
  }

  absl::StatusOr<DatasetInfo> Commit() override {
    if (!status_.ok()) return status_;
    absl::StatusOr<DatasetInfo> info = DoCommit();
    status_ =
        info.ok() ? absl::FailedPreconditionError("the ingest has been committed") : info.status();
    return info;
  }

 private:
  absl::Status DoAppend(GraphBlock block);
  absl::StatusOr<DatasetInfo> DoCommit();

  // Takes a part of a graph, and replaces the last one by all of it.
  absl::Status AddPart(GraphBlock& block);
  absl::Status Write(const GraphBlock& block);
  absl::Status WriteRows(IngestColumn& column, const ColumnBlock& block, int64_t num_graphs);
  // Keeps the rows of a single graph for the transforms.
  absl::Status Buffer(GraphBlock block);
  absl::Status WriteTransformed();
  // Transforms ask for the levels that the spec declares.
  void DeclareLevels(GraphBlock& block) const;

  absl::StatusOr<ColumnWriter> OpenWriter(int64_t row_bytes);  // of a new column
  absl::Status OpenWriters(IngestColumn& column);
  absl::Status OpenSizes();
  // Gives the version the original's number, or says that it is something else.
  static absl::Status BecomeCopy(const CopiedVersion& original, DatasetInfo& info);
  // Derives the in-neighbour lists of a single graph from its finished columns.
  absl::Status WriteAdjacency(Manifest& manifest);
  absl::Status ChargeWriters();
  void Charge(int64_t bytes) {
    host_->AddIngestBytes(bytes - charged_);
    charged_ = bytes;
  }
  absl::Status OverLimit(absl::string_view what, int64_t bytes) const {
    return absl::ResourceExhaustedError(absl::StrCat("ingest of \"", spec_.name, "\": ", what, " ",
                                                     bytes, " bytes; --ingest-memory is ",
                                                     options_.memory_bytes));
  }

  // RESOURCE_EXHAUSTED if the transforms of a block would take too much; before they do.
  absl::Status CheckTransformMemory(const GraphBlock& block) const;

  bool Buffers() const { return !spec_.collection && !spec_.transforms.empty(); }
  int64_t num_graphs() const { return sizes_ ? sizes_->num_graphs() : 0; }

  const std::shared_ptr<IngestHost> host_;  // shared with the catalog and other sessions
  const IngestSpec spec_;
  const Schema given_types_;  // without columns
  const Schema types_;        // after the transforms, without columns
  const IngestOptions options_;

  absl::Status status_;
  NewColumns new_columns_{*host_};
  // As they come, if transforms change them, and as they are stored.
  IngestColumns given_columns_{spec_, given_types_};
  std::optional<IngestColumns> columns_{std::in_place, spec_, types_};
  std::optional<GraphSizes> sizes_;
  GraphParts parts_;
  GraphBlock buffer_;
  int64_t buffered_bytes_ = 0;
  int64_t received_bytes_ = 0;
  int64_t charged_ = 0;
};

absl::Status Session::DoAppend(GraphBlock block) {
  const int64_t bytes = BlockBytes(block);
  if (bytes > options_.memory_bytes) return OverLimit("a block has", bytes);
  Charge(charged_ + bytes);
  received_bytes_ += bytes;
  if (const bool more = block.continues; more || !parts_.empty()) {
    GF_RETURN_IF_ERROR(AddPart(block));
    if (more) return ChargeWriters();
  }
  IngestColumns& given = spec_.transforms.empty() ? *columns_ : given_columns_;
  GF_RETURN_IF_ERROR(given.Check(block, num_graphs()));
  if (spec_.collection && block.num_graphs == 0) return ChargeWriters();
  given.FitEmpty(block);
  if (Buffers()) {
    GF_RETURN_IF_ERROR(Buffer(std::move(block)));
    return ChargeWriters();
  }
  if (!spec_.transforms.empty()) {
    DeclareLevels(block);
    GF_RETURN_IF_ERROR(CheckTransformMemory(block));
    GF_RETURN_IF_ERROR(Prefixed(GraphRange(types_, num_graphs(), block.num_graphs),
                                ApplyTransforms(spec_.transforms, given_types_, block)));
    GF_RETURN_IF_ERROR(columns_->Check(block, num_graphs()));
  }
  GF_RETURN_IF_ERROR(Write(block));
  return ChargeWriters();
}

absl::Status Session::AddPart(GraphBlock& block) {
  const bool more = block.continues;
  if (!spec_.collection) {
    return absl::InvalidArgumentError("continues is set; a single graph's blocks need not say so");
  }
  GF_RETURN_IF_ERROR(Prefixed(absl::StrCat("graph ", num_graphs()), parts_.Add(std::move(block))));
  if (parts_.bytes() > options_.memory_bytes) {
    return OverLimit(absl::StrCat("graph ", num_graphs(), " has more than"), parts_.bytes());
  }
  if (!more) block = parts_.Take();
  return absl::OkStatus();
}

absl::Status Session::Write(const GraphBlock& block) {
  const int64_t first_graph = num_graphs();
  if (spec_.collection || block.num_graphs > 0) {
    GF_RETURN_IF_ERROR(OpenSizes());
    GF_RETURN_IF_ERROR(sizes_->Append(block));
    GF_RETURN_IF_ERROR(CheckNumNodes(sizes_->num_nodes(), received_bytes_));
  }
  const auto open_offsets = [this] { return OpenWriter(sizeof(int64_t)); };
  for (const ColumnBlock& column : block.columns) {
    IngestColumn& known = *columns_->all()[columns_->IndexOf(column)];
    const Level level = column.level.value_or(Level::kGraph);
    for (int64_t g = 0; g < block.num_graphs; ++g) {
      RowCount count{.graph = first_graph + g, .rows = NumRows(column, block.num_graphs, g)};
      // Undeclared columns are those of the only node type and the only edge type.
      if (level != Level::kEdge || !types_.heterogeneous) {
        count.nodes = block.num_nodes[level == Level::kNode ? column.type : 0][g];
      }
      if (level == Level::kEdge || !types_.heterogeneous) {
        count.edges = block.num_edges[level == Level::kEdge ? column.type : 0][g];
      }
      GF_RETURN_IF_ERROR(known.Count(count, open_offsets));
    }
    GF_RETURN_IF_ERROR(Prefixed(absl::StrCat(GraphRange(types_, first_graph, block.num_graphs),
                                             ", ", ColumnTitle(types_, column)),
                                WriteRows(known, column, block.num_graphs)));
  }
  return absl::OkStatus();
}

absl::Status Session::WriteRows(IngestColumn& column, const ColumnBlock& block,
                                int64_t num_graphs_of_block) {
  if (column.is_open()) return absl::OkStatus();  // there is nothing to write yet
  if (!column.has_writers()) GF_RETURN_IF_ERROR(OpenWriters(column));
  return column.Write(block, NumRows(block, num_graphs_of_block));
}

absl::StatusOr<ColumnWriter> Session::OpenWriter(int64_t row_bytes) {
  GF_ASSIGN_OR_RETURN(const uint64_t uid, new_columns_.Add());
  // Batches take whole graphs out of collections, and single nodes out of a single graph.
  const int64_t chunk_bytes = spec_.collection
                                  ? options_.chunk_bytes
                                  : ChunkBytesOfLookups(row_bytes, options_.chunk_bytes);
  return ColumnWriter(host_->store(), uid, row_bytes, chunk_bytes);
}

absl::Status Session::OpenWriters(IngestColumn& column) {
  const bool strings = column.kind().dtype == DType::kString;
  GF_ASSIGN_OR_RETURN(ColumnWriter rows, OpenWriter(strings ? 1 : RowBytes(column.kind())));
  std::optional<ColumnWriter> offsets;
  if (strings) {
    GF_ASSIGN_OR_RETURN(ColumnWriter writer, OpenWriter(sizeof(int64_t)));
    offsets.emplace(std::move(writer));
  }
  column.SetWriters(std::move(rows), std::move(offsets));
  return absl::OkStatus();
}

absl::Status Session::OpenSizes() {
  if (sizes_) return absl::OkStatus();
  const size_t num_types = types_.node_types.size() + types_.edge_types.size();
  std::vector<ColumnWriter> writers;
  for (size_t i = 0; i < num_types; ++i) {
    GF_ASSIGN_OR_RETURN(ColumnWriter writer, OpenWriter(sizeof(int64_t)));
    writers.push_back(std::move(writer));
  }
  sizes_.emplace(types_, std::move(writers));
  return absl::OkStatus();
}

absl::Status Session::Buffer(GraphBlock block) {
  buffered_bytes_ += BlockBytes(block);
  if (buffered_bytes_ > options_.memory_bytes) {
    return OverLimit("transforms need the whole graph in memory, which has more than",
                     buffered_bytes_);
  }
  for (ColumnBlock& column : block.columns) {
    const size_t i = given_columns_.IndexOf(column);
    if (i >= buffer_.columns.size()) buffer_.columns.resize(i + 1);
    ColumnBlock& whole = buffer_.columns[i];
    const int64_t rows = NumRows(column, 1);
    if (whole.sizes.empty()) {
      whole = std::move(column);
      whole.sizes = {rows};
      continue;
    }
    whole.sizes[0] += rows;
    whole.rows.append(column.rows);
    std::move(column.strings.begin(), column.strings.end(), std::back_inserter(whole.strings));
  }
  return absl::OkStatus();
}

absl::Status Session::WriteTransformed() {
  buffer_.num_graphs = 1;
  for (const int64_t n : spec_.num_nodes) buffer_.num_nodes.push_back({n});
  for (const int64_t n : spec_.num_edges) buffer_.num_edges.push_back({n});
  DeclareLevels(buffer_);
  GF_RETURN_IF_ERROR(CheckTransformMemory(buffer_));
  GF_RETURN_IF_ERROR(ApplyTransforms(spec_.transforms, given_types_, buffer_));
  GF_RETURN_IF_ERROR(columns_->CheckColumns(buffer_, 0));
  GF_RETURN_IF_ERROR(Write(buffer_));
  buffer_ = GraphBlock();
  return absl::OkStatus();
}

void Session::DeclareLevels(GraphBlock& block) const {
  for (ColumnBlock& column : block.columns) {
    if (const auto kind = spec_.kinds.find(column.name); kind != spec_.kinds.end()) {
      column.level = kind->second;
    }
  }
}

absl::Status Session::CheckTransformMemory(const GraphBlock& block) const {
  const int64_t bytes = TransformBytes(spec_.transforms, given_types_, block);
  if (bytes <= options_.memory_bytes - BlockBytes(block)) return absl::OkStatus();
  return OverLimit(
      absl::StrCat("transforms of ", GraphRange(types_, num_graphs(), block.num_graphs),
                   " take, beside its rows,"),
      bytes);
}

absl::StatusOr<DatasetInfo> Session::DoCommit() {
  if (!parts_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph ", num_graphs(), " has come in part only"));
  }
  if (!spec_.collection) GF_RETURN_IF_ERROR(CheckNumNodes(spec_.num_nodes, received_bytes_));
  if (Buffers()) {
    GF_RETURN_IF_ERROR(WriteTransformed());
  } else if (!spec_.collection) {
    GF_RETURN_IF_ERROR(OpenSizes());
    GF_RETURN_IF_ERROR(sizes_->AppendGraph(spec_.num_nodes, spec_.num_edges));
    const auto open_offsets = [this] { return OpenWriter(sizeof(int64_t)); };
    for (const auto& column : columns_->all()) {
      const ColumnBlock& kind = column->kind();
      RowCount count{.graph = 0, .rows = column->num_rows()};
      const Level level = kind.level.value_or(Level::kGraph);
      if (level != Level::kEdge || !types_.heterogeneous) {
        count.nodes = spec_.num_nodes[level == Level::kNode ? kind.type : 0];
      }
      if (level == Level::kEdge || !types_.heterogeneous) {
        count.edges = spec_.num_edges[level == Level::kEdge ? kind.type : 0];
      }
      GF_RETURN_IF_ERROR(column->Count(count, open_offsets));
    }
  }
  if (num_graphs() == 0) return absl::InvalidArgumentError("the dataset has no graphs");

  Manifest manifest;
  DatasetInfo& info = manifest.info;
  info.name = spec_.name;
  GF_ASSIGN_OR_RETURN(info.schema, columns_->MakeSchema(sizes_->num_edges()));
  for (size_t i = 0; i < columns_->all().size(); ++i) {
    IngestColumn* const column = columns_->all()[i].get();
    GF_RETURN_IF_ERROR(CheckWanted());
    if (const auto uid = column->DropRowOffsets(info.schema.columns[i])) new_columns_.Discard(*uid);
    if (!column->has_writers()) GF_RETURN_IF_ERROR(OpenWriters(*column));
    GF_RETURN_IF_ERROR(column->Finish());
    info.columns.push_back(column->info());
    manifest.columns.push_back(column->stored());
  }
  GF_RETURN_IF_ERROR(sizes_->Finish(manifest));
  for (const Transform& transform : spec_.transforms) {
    info.transforms.push_back(TransformName(transform));
  }
  info.raw_bytes = RawBytes(manifest);
  info.fingerprint = ComputeFingerprint(manifest);
  if (spec_.copy_of.has_value()) GF_RETURN_IF_ERROR(BecomeCopy(*spec_.copy_of, info));
  if (!spec_.collection) GF_RETURN_IF_ERROR(WriteAdjacency(manifest));
  new_columns_.Keep();
  return host_->Publish(std::move(manifest));
}

absl::Status Session::BecomeCopy(const CopiedVersion& original, DatasetInfo& info) {
  info.version = original.version;
  info.transforms = original.transforms;
  if (info.fingerprint == original.fingerprint) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the copy of a version of \"", info.name,
                                          "\" has fingerprint ", DigestHex(info.fingerprint),
                                          " instead of ", DigestHex(original.fingerprint)));
}

absl::Status Session::WriteAdjacency(Manifest& manifest) {
  Charge(0);  // the columns are written; what sorting holds is counted there
  const AdjacencyOptions options{.memory_bytes = options_.memory_bytes,
                                 .chunk_bytes = options_.chunk_bytes};
  for (size_t e = 0; e < types_.edge_types.size(); ++e) {
    const int edge_type = static_cast<int>(e);
    absl::StatusOr<StoredAdjacency> lists =
        BuildAdjacency(*host_, EdgeListOf(manifest, edge_type), options, new_columns_);
    if (!lists.ok()) {
      return Prefixed(absl::StrCat("adjacency of ", types_.EdgeTypeName(edge_type)),
                      lists.status());
    }
    manifest.adjacency.push_back(*std::move(lists));
  }
  return absl::OkStatus();
}

absl::Status Session::ChargeWriters() {
  int64_t bytes = buffered_bytes_ + parts_.bytes() + (sizes_ ? sizes_->memory_bytes() : 0);
  for (const auto& column : columns_->all()) bytes += column->memory_bytes();
  Charge(bytes);
  if (bytes <= options_.memory_bytes) return absl::OkStatus();
  return OverLimit(absl::StrCat("buffers of ", columns_->all().size(), " columns take"), bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSink>> StartIngestSession(std::shared_ptr<IngestHost> host,
                                                              IngestSpec spec,
                                                              const IngestOptions& options) {
  GF_ASSIGN_OR_RETURN(Schema types, CheckIngestSpec(spec));
  GF_ASSIGN_OR_RETURN(Schema transformed, TransformedTypes(spec.transforms, types));
  GF_RETURN_IF_ERROR(ValidateSchema(transformed));
  return std::make_unique<Session>(std::move(host), std::move(spec), std::move(types),
                                   std::move(transformed), options);
}

}  // namespace graphfeed
