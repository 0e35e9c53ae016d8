#include "storage/manifest/manifest.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"
#include "storage/graph/schema.h"
#include "storage/manifest/manifest.pb.h"

namespace graphfeed {
namespace {

constexpr size_t kChecksumBytes = 8;

// The columns of the content: what is hashed and counted.
void Visit(const Manifest& manifest, absl::FunctionRef<void(const StoredColumn&)> visitor) {
  for (const StoredData& column : manifest.columns) {
    visitor(column.rows);
    if (column.string_offsets) visitor(*column.string_offsets);
    if (column.row_offsets) visitor(*column.row_offsets);
  }
  for (const StoredColumn& column : manifest.node_offsets) visitor(column);
  for (const StoredColumn& column : manifest.edge_offsets) visitor(column);
}

std::string ToBytes(const Digest& digest) { return std::string(digest.begin(), digest.end()); }

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the manifest is damaged: ", what));
}

absl::StatusOr<Digest> DigestFromBytes(const std::string& bytes) {
  Digest digest;
  if (bytes.size() != digest.size()) return Damaged("a digest does not have 16 bytes");
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

void ToProto(const StoredColumn& column, storage::Column* proto) {
  proto->set_uid(column.storage.uid);
  proto->set_num_rows(column.storage.num_rows);
  proto->set_row_bytes(column.storage.row_bytes);
  proto->set_rows_per_chunk(column.storage.rows_per_chunk);
  proto->set_digest(ToBytes(column.digest));
}

absl::StatusOr<StoredColumn> FromProto(const storage::Column& proto) {
  StoredColumn column;
  column.storage = {.uid = proto.uid(),
                    .num_rows = proto.num_rows(),
                    .row_bytes = proto.row_bytes(),
                    .rows_per_chunk = proto.rows_per_chunk()};
  const int64_t rows = column.storage.rows_per_chunk;
  if (column.storage.num_rows < 0 || column.storage.row_bytes < 0 || rows < 1 ||
      (rows & (rows - 1)) != 0) {
    return Damaged("impossible column sizes");
  }
  GF_ASSIGN_OR_RETURN(column.digest, DigestFromBytes(proto.digest()));
  return column;
}

void ToProto(const ValueRange& range, storage::ValueRange* proto) {
  if (const auto* ints = std::get_if<IntRange>(&range)) {
    proto->mutable_ints()->set_min(ints->min);
    proto->mutable_ints()->set_max(ints->max);
  } else if (const auto* floats = std::get_if<FloatRange>(&range)) {
    proto->mutable_floats()->set_min(floats->min);
    proto->mutable_floats()->set_max(floats->max);
  }
}

ValueRange FromProto(const storage::ValueRange& proto) {
  if (proto.has_ints()) return IntRange{proto.ints().min(), proto.ints().max()};
  if (proto.has_floats()) return FloatRange{proto.floats().min(), proto.floats().max()};
  return {};
}

void ToProto(const SizeSummary& sizes, storage::SizeSummary* proto) {
  proto->set_mean(sizes.mean);
  proto->set_std(sizes.std);
  proto->set_min(sizes.min);
  proto->set_quantile25(sizes.quantile25);
  proto->set_median(sizes.median);
  proto->set_quantile75(sizes.quantile75);
  proto->set_max(sizes.max);
}

SizeSummary FromProto(const storage::SizeSummary& proto) {
  return {.mean = proto.mean(),
          .std = proto.std(),
          .min = proto.min(),
          .quantile25 = proto.quantile25(),
          .median = proto.median(),
          .quantile75 = proto.quantile75(),
          .max = proto.max()};
}

absl::Status CheckAdjacency(const Manifest& manifest) {
  const DatasetInfo& info = manifest.info;
  if (manifest.adjacency.size() != (info.schema.collection ? 0 : info.schema.edge_types.size())) {
    return Damaged("its adjacency does not match the schema");
  }
  for (size_t e = 0; e < manifest.adjacency.size(); ++e) {
    const EdgeType& type = info.schema.edge_types[e];
    const int64_t num_edges = info.num_edges[e];
    const auto holds = [](const StoredColumn& column, int64_t rows, DType dtype) {
      return column.storage.num_rows == rows &&
             column.storage.row_bytes == static_cast<int64_t>(SizeOf(dtype));
    };
    const StoredAdjacency& lists = manifest.adjacency[e];
    if (!holds(lists.in_ptr, info.num_nodes[type.target] + 1, DType::kInt64) ||
        !holds(lists.in_source, num_edges, IdType(info.num_nodes[type.source])) ||
        !holds(lists.in_edge_id, num_edges, IdType(num_edges))) {
      return Damaged(absl::StrCat("the adjacency of ",
                                  info.schema.EdgeTypeName(static_cast<int>(e)),
                                  " does not match its nodes and edges"));
    }
  }
  return absl::OkStatus();
}

// Whether a column is one of offsets of graphs.
bool CountGraphs(const StoredColumn& column, const DatasetInfo& info) {
  return column.storage.num_rows == info.num_graphs + 1 && column.storage.row_bytes == 8;
}

// The parts of a manifest belong together: what a reader may rely on.
absl::Status CheckManifest(const Manifest& manifest) {
  const DatasetInfo& info = manifest.info;
  const Schema& schema = info.schema;
  const size_t node_types = schema.node_types.size();
  const size_t edge_types = schema.edge_types.size();
  if (manifest.columns.size() != schema.columns.size() ||
      manifest.node_offsets.size() != node_types || manifest.edge_offsets.size() != edge_types ||
      info.num_nodes.size() != node_types || info.num_edges.size() != edge_types ||
      info.node_sizes.size() != node_types || info.edge_sizes.size() != edge_types) {
    return Damaged("its lists do not match the schema");
  }
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const ColumnSchema& column = schema.columns[i];
    const StoredData& data = manifest.columns[i];
    const bool strings = column.dtype == DType::kString;
    if (data.string_offsets.has_value() != strings ||
        data.rows.storage.row_bytes != (strings ? 1 : column.row_bytes())) {
      return Damaged(absl::StrCat("column \"", column.name, "\" does not match the schema"));
    }
    const bool varying = column.varying();
    if (data.row_offsets.has_value() != varying ||
        info.columns[i].row_sizes.has_value() != varying ||
        (varying && !CountGraphs(*data.row_offsets, info))) {
      return Damaged(
          absl::StrCat("row offsets of column \"", column.name, "\" do not match the schema"));
    }
    int64_t expected = info.num_graphs * column.rows_per_graph;
    if (column.level == Level::kNode) expected = info.num_nodes[column.type];
    if (column.level == Level::kEdge) expected = info.num_edges[column.type];
    const int64_t rows =
        strings ? data.string_offsets->storage.num_rows - 1 : data.rows.storage.num_rows;
    if (!varying && rows != expected) {
      return Damaged(
          absl::StrCat("column \"", column.name, "\" has ", rows, " rows instead of ", expected));
    }
  }
  for (const auto* offsets : {&manifest.node_offsets, &manifest.edge_offsets}) {
    for (const StoredColumn& column : *offsets) {
      if (!CountGraphs(column, info)) {
        return Damaged("offsets do not match the number of graphs");
      }
    }
  }
  return CheckAdjacency(manifest);
}

}  // namespace

DType IdType(int64_t count) { return count < int64_t{1} << 31 ? DType::kInt32 : DType::kInt64; }

std::vector<ColumnStorage> Manifest::storages() const {
  std::vector<ColumnStorage> storages;
  const auto add = [&](const StoredColumn& column) { storages.push_back(column.storage); };
  Visit(*this, add);
  for (const StoredAdjacency& lists : adjacency) {
    add(lists.in_ptr);
    add(lists.in_source);
    add(lists.in_edge_id);
  }
  return storages;
}

std::vector<uint64_t> Manifest::uids() const {
  std::vector<uint64_t> uids;
  for (const ColumnStorage& storage : storages()) uids.push_back(storage.uid);
  return uids;
}

Fingerprint ComputeFingerprint(const Manifest& manifest) {
  const Schema& schema = manifest.info.schema;
  std::vector<size_t> order(schema.columns.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const ColumnSchema& x = schema.columns[a];
    const ColumnSchema& y = schema.columns[b];
    return std::tie(x.level, x.type, x.name) < std::tie(y.level, y.type, y.name);
  });

  Digester digester;
  const auto add = [&](const StoredColumn& column) {
    digester.UpdateInt64(column.storage.num_rows);
    digester.Update(ToBytes(column.digest));
  };
  digester.Update(EncodeSchema(schema));
  for (const size_t i : order) {
    add(manifest.columns[i].rows);
    if (manifest.columns[i].string_offsets) add(*manifest.columns[i].string_offsets);
    if (manifest.columns[i].row_offsets) add(*manifest.columns[i].row_offsets);
  }
  for (const StoredColumn& column : manifest.node_offsets) add(column);
  for (const StoredColumn& column : manifest.edge_offsets) add(column);
  return digester.Finish();
}

int64_t RawBytes(const Manifest& manifest) {
  int64_t bytes = 0;
  Visit(manifest, [&](const StoredColumn& column) {
    bytes += column.storage.num_rows * column.storage.row_bytes;
  });
  return bytes;
}

std::string EncodeManifest(const Manifest& manifest) {
  const DatasetInfo& info = manifest.info;
  storage::Manifest proto;
  proto.set_name(info.name);
  proto.set_version(info.version);
  proto.set_fingerprint(ToBytes(info.fingerprint));
  proto.set_schema(EncodeSchema(info.schema));
  for (size_t i = 0; i < manifest.columns.size(); ++i) {
    storage::DataColumn* column = proto.add_columns();
    ToProto(manifest.columns[i].rows, column->mutable_rows());
    if (manifest.columns[i].string_offsets) {
      ToProto(*manifest.columns[i].string_offsets, column->mutable_string_offsets());
    }
    ToProto(info.columns[i].values, column->mutable_values());
    if (manifest.columns[i].row_offsets) {
      ToProto(*manifest.columns[i].row_offsets, column->mutable_row_offsets());
    }
    if (info.columns[i].row_sizes) {
      ToProto(*info.columns[i].row_sizes, column->mutable_row_sizes());
    }
  }
  for (const StoredColumn& column : manifest.node_offsets) {
    ToProto(column, proto.add_node_offsets());
  }
  for (const StoredColumn& column : manifest.edge_offsets) {
    ToProto(column, proto.add_edge_offsets());
  }
  proto.set_num_graphs(info.num_graphs);
  for (const int64_t n : info.num_nodes) proto.add_num_nodes(n);
  for (const int64_t n : info.num_edges) proto.add_num_edges(n);
  for (const SizeSummary& sizes : info.node_sizes) ToProto(sizes, proto.add_node_sizes());
  for (const SizeSummary& sizes : info.edge_sizes) ToProto(sizes, proto.add_edge_sizes());
  ToProto(info.total_node_sizes, proto.mutable_total_node_sizes());
  ToProto(info.total_edge_sizes, proto.mutable_total_edge_sizes());
  for (const std::string& transform : info.transforms) proto.add_transforms(transform);
  for (const StoredAdjacency& lists : manifest.adjacency) {
    storage::Adjacency* adjacency = proto.add_adjacency();
    ToProto(lists.in_ptr, adjacency->mutable_in_ptr());
    ToProto(lists.in_source, adjacency->mutable_in_source());
    ToProto(lists.in_edge_id, adjacency->mutable_in_edge_id());
  }

  proto.set_published(manifest.published);

  std::string record(kChecksumBytes, '\0');
  proto.AppendToString(&record);
  StoreLittleEndian(Hash64(absl::string_view(record).substr(kChecksumBytes), 0), record.data());
  return record;
}

absl::StatusOr<Manifest> DecodeManifest(absl::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return Damaged("it is too short");
  const absl::string_view body = bytes.substr(kChecksumBytes);
  if (Hash64(body, 0) != LoadLittleEndian<uint64_t>(bytes.data()))
    return Damaged("the checksum does not match");
  storage::Manifest proto;
  if (!proto.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Damaged("it cannot be parsed");
  }

  Manifest manifest;
  DatasetInfo& info = manifest.info;
  info.name = proto.name();
  info.version = proto.version();
  GF_ASSIGN_OR_RETURN(info.fingerprint, DigestFromBytes(proto.fingerprint()));
  GF_ASSIGN_OR_RETURN(info.schema, DecodeSchema(proto.schema()));
  for (const storage::DataColumn& column : proto.columns()) {
    StoredData data;
    GF_ASSIGN_OR_RETURN(data.rows, FromProto(column.rows()));
    if (column.has_string_offsets()) {
      GF_ASSIGN_OR_RETURN(data.string_offsets, FromProto(column.string_offsets()));
    }
    const int64_t rows = data.string_offsets ? data.string_offsets->storage.num_rows - 1
                                             : data.rows.storage.num_rows;
    if (column.has_row_offsets()) {
      GF_ASSIGN_OR_RETURN(data.row_offsets, FromProto(column.row_offsets()));
    }
    ColumnInfo& read = info.columns.emplace_back();
    read.num_rows = rows;
    read.values = FromProto(column.values());
    if (column.has_row_sizes()) read.row_sizes = FromProto(column.row_sizes());
    manifest.columns.push_back(data);
  }
  for (const storage::Column& column : proto.node_offsets()) {
    GF_ASSIGN_OR_RETURN(manifest.node_offsets.emplace_back(), FromProto(column));
  }
  for (const storage::Column& column : proto.edge_offsets()) {
    GF_ASSIGN_OR_RETURN(manifest.edge_offsets.emplace_back(), FromProto(column));
  }
  info.num_graphs = proto.num_graphs();
  info.num_nodes.assign(proto.num_nodes().begin(), proto.num_nodes().end());
  info.num_edges.assign(proto.num_edges().begin(), proto.num_edges().end());
  for (const auto& sizes : proto.node_sizes()) info.node_sizes.push_back(FromProto(sizes));
  for (const auto& sizes : proto.edge_sizes()) info.edge_sizes.push_back(FromProto(sizes));
  info.total_node_sizes = FromProto(proto.total_node_sizes());
  info.total_edge_sizes = FromProto(proto.total_edge_sizes());
  info.transforms.assign(proto.transforms().begin(), proto.transforms().end());
  for (const storage::Adjacency& adjacency : proto.adjacency()) {
    StoredAdjacency& lists = manifest.adjacency.emplace_back();
    GF_ASSIGN_OR_RETURN(lists.in_ptr, FromProto(adjacency.in_ptr()));
    GF_ASSIGN_OR_RETURN(lists.in_source, FromProto(adjacency.in_source()));
    GF_ASSIGN_OR_RETURN(lists.in_edge_id, FromProto(adjacency.in_edge_id()));
  }
  manifest.published = proto.published();
  info.raw_bytes = RawBytes(manifest);
  GF_RETURN_IF_ERROR(CheckManifest(manifest));
  return manifest;
}

}  // namespace graphfeed
