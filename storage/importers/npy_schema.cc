#include "storage/importers/npy_schema.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/json_util.h"
#include "storage/base/status_macros.h"
#include "storage/importers/npy_schema.pb.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxSchemaBytes = 16 << 20;
constexpr char kSchemaFile[] = "schema.json";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::Status ReadJson(const fs::path& path, npy::NpySchema& schema) {
  std::ifstream file(path, std::ios::binary);
  std::string json(kMaxSchemaBytes + 1, '\0');
  file.read(json.data(), static_cast<std::streamsize>(json.size()));
  if (file.bad() || !file.is_open()) {
    return absl::PermissionDeniedError(absl::StrCat("cannot read ", path.string()));
  }
  json.resize(static_cast<size_t>(file.gcount()));
  if (json.size() > kMaxSchemaBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), " has more than ", kMaxSchemaBytes, " bytes"));
  }
  const auto status = google::protobuf::util::JsonStringToMessage(json, &schema);
  if (status.ok()) return absl::OkStatus();
  const std::string message(status.message().data(), status.message().size());
  return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", message));
}

// Turns the message into a NpyDataset.
class SchemaReader {
 public:
  SchemaReader(fs::path folder, npy::NpySchema schema)
      : folder_(std::move(folder)), schema_(std::move(schema)) {}

  absl::StatusOr<NpyDataset> Read() {
    const fs::path plain = folder_.has_filename() ? folder_ : folder_.parent_path();
    dataset_.name = schema_.name().empty() ? plain.filename().string() : schema_.name();
    dataset_.heterogeneous = schema_.nodes_size() > 0 || schema_.edges_size() > 0;
    GF_RETURN_IF_ERROR(dataset_.heterogeneous ? ReadTypes() : ReadHomogeneous());

    size_t cut = 0;
    for (const auto* sizes : {&dataset_.node_sizes, &dataset_.edge_sizes}) {
      for (const NpySizes& size : *sizes) cut += size.has_file() ? 1 : 0;
    }
    dataset_.collection = cut > 0;
    if (dataset_.heterogeneous && dataset_.collection &&
        cut != dataset_.node_sizes.size() + dataset_.edge_sizes.size()) {
      return Error(
          "some types have ptr or counts and some have not; a collection needs them for "
          "all types, a single graph for none");
    }
    if (dataset_.columns.empty()) {
      std::error_code ignored;
      return Error(fs::exists(folder_ / kSchemaFile, ignored)
                       ? "the dataset has no columns"
                       : "there is no such file, and no .npy file in the folder is a column");
    }
    std::set<std::tuple<int, int, std::string>> seen;
    for (const NpyColumn& column : dataset_.columns) {
      const int level = dataset_.heterogeneous ? static_cast<int>(*column.level) : 0;
      if (!seen.insert({level, column.type, column.name}).second) {
        return Error(absl::StrCat("column ", column.name, " is declared twice"));
      }
    }
    return std::move(dataset_);
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat((folder_ / kSchemaFile).string(), ": ", what));
  }

  std::string PathOf(const std::string& file) const { return (folder_ / file).string(); }

  absl::Status ReadSizes(absl::string_view what, const std::string& ptr, const std::string& counts,
                         NpySizes& sizes) const {
    if (!ptr.empty() && !counts.empty()) {
      return Error(absl::StrCat(what, ": give the offsets or the counts, not both"));
    }
    if (!ptr.empty()) sizes.ptr = PathOf(ptr);
    if (!counts.empty()) sizes.counts = PathOf(counts);
    return absl::OkStatus();
  }

  absl::Status ReadTotal(absl::string_view what, int64_t total, NpySizes& sizes) const {
    if (total < 0) return Error(absl::StrCat(what, ": num_nodes is ", total));
    if (sizes.has_file()) {
      return Error(absl::StrCat(what, ": num_nodes is for a single graph, which has no offsets"));
    }
    sizes.total = total;
    return absl::OkStatus();
  }

  absl::Status ReadColumn(const npy::Column& column, std::optional<Level> level, int type) {
    if (column.name().empty()) return Error("a column has no name");
    const auto bad = [&](absl::string_view field, const std::string& value,
                         absl::string_view values) {
      return Error(absl::StrCat("column ", column.name(), ": ", field, " is \"", value,
                                "\"; it can be ", values));
    };
    NpyColumn result{.name = column.name(),
                     .path = {},
                     .level = level,
                     .type = type,
                     .along_last = std::nullopt,
                     .dtype = std::nullopt};
    if (!column.level().empty()) {
      if (level.has_value()) {
        return Error(absl::StrCat("column ", column.name(),
                                  ": the level of a heterogeneous column is its place"));
      }
      for (const Level known : {Level::kNode, Level::kEdge, Level::kGraph}) {
        if (column.level() == LevelName(known)) result.level = known;
      }
      if (!result.level.has_value()) {
        return bad("level", column.level(), "\"node\", \"edge\" and \"graph\"");
      }
    }
    GF_RETURN_IF_ERROR(ReadSizes(absl::StrCat("column ", column.name()), column.ptr(),
                                 column.counts(), result.sizes));
    if (result.sizes.has_file()) {
      if (result.level.value_or(Level::kGraph) != Level::kGraph) {
        return Error(absl::StrCat("column ", column.name(), ": ptr and counts are for columns of ",
                                  "graph level, not ", LevelName(*result.level)));
      }
      result.level = Level::kGraph;
    }
    if (!column.axis().empty()) {
      if (column.axis() != "first" && column.axis() != "last") {
        return bad("axis", column.axis(), "\"first\" and \"last\"");
      }
      result.along_last = column.axis() == "last";
    }
    if (!column.dtype().empty()) {
      result.dtype = ParseDType(column.dtype());
      if (!result.dtype.has_value() || *result.dtype == DType::kString) {
        return bad("dtype", column.dtype(), "bool, uint8, int8 to int64 and float16 to float64");
      }
    }
    if (!column.csr().empty() || column.num_columns() != 0) {
      constexpr int64_t kMaxColumns = int64_t{1} << 24;
      if (column.csr().empty() || !column.file().empty() || !column.axis().empty()) {
        return Error(absl::StrCat("column ", column.name(),
                                  ": csr and num_columns come together, without file and axis"));
      }
      if (column.num_columns() < 1 || column.num_columns() > kMaxColumns) {
        return bad("num_columns", absl::StrCat(column.num_columns()),
                   absl::StrCat("1 to ", kMaxColumns));
      }
      result.csr_columns = column.num_columns();
      result.path = PathOf(column.csr());
      dataset_.columns.push_back(std::move(result));
      return absl::OkStatus();
    }
    if (column.file().empty() && dataset_.heterogeneous && level != Level::kGraph) {
      return Error(absl::StrCat("column ", column.name(), " names no file"));
    }
    result.path = PathOf(column.file().empty() ? column.name() + ".npy" : column.file());
    dataset_.columns.push_back(std::move(result));
    return absl::OkStatus();
  }

  absl::Status ReadHomogeneous() {
    dataset_.node_sizes.resize(1);
    dataset_.edge_sizes.resize(1);
    GF_RETURN_IF_ERROR(ReadHomogeneousSizes("node", schema_.node_ptr(), schema_.node_counts(),
                                            dataset_.node_sizes[0]));
    GF_RETURN_IF_ERROR(ReadHomogeneousSizes("edge", schema_.edge_ptr(), schema_.edge_counts(),
                                            dataset_.edge_sizes[0]));
    if (schema_.has_num_nodes()) {
      GF_RETURN_IF_ERROR(ReadTotal("node", schema_.num_nodes(), dataset_.node_sizes[0]));
    }
    if (dataset_.edge_sizes[0].has_file() && !dataset_.node_sizes[0].has_file()) {
      return Error("there are offsets of edges, but none of nodes: give node_ptr or node_counts");
    }
    if (schema_.columns_size() == 0) return AddAllFiles();
    for (const npy::Column& column : schema_.columns()) {
      GF_RETURN_IF_ERROR(ReadColumn(column, std::nullopt, 0));
    }
    return absl::OkStatus();
  }

  absl::Status ReadHomogeneousSizes(const std::string& what, std::string ptr, std::string counts,
                                    NpySizes& sizes) const {
    if (ptr.empty() && counts.empty()) {
      if (Exists(folder_ / (what + "_ptr.npy"))) {
        ptr = what + "_ptr.npy";
      } else if (Exists(folder_ / (what + "_counts.npy"))) {
        counts = what + "_counts.npy";
      }
    }
    return ReadSizes(what, ptr, counts, sizes);
  }

  // Every .npy file that cuts no rows is a column: the names that PyG's Data knows first.
  absl::Status AddAllFiles() {
    std::set<std::string> used;
    for (const NpySizes* sizes : {&dataset_.node_sizes[0], &dataset_.edge_sizes[0]}) {
      used.insert(sizes->ptr);
      used.insert(sizes->counts);
    }
    std::set<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
      const fs::path& path = it->path();
      if (path.extension() == ".npy" && used.count(path.string()) == 0) {
        names.insert(path.stem().string());
      }
    }
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot read folder ", folder_.string(), ": ", error.message()));
    }
    const auto add = [&](const std::string& name) {
      npy::Column column;
      column.set_name(name);
      return ReadColumn(column, std::nullopt, 0);
    };
    for (const char* first : {"x", "edge_index", "edge_attr", "y", "pos"}) {
      if (names.erase(first) > 0) GF_RETURN_IF_ERROR(add(first));
    }
    for (const std::string& name : names) GF_RETURN_IF_ERROR(add(name));
    return absl::OkStatus();
  }

  absl::Status ReadTypes() {
    if (!schema_.node_ptr().empty() || !schema_.node_counts().empty() ||
        !schema_.edge_ptr().empty() || !schema_.edge_counts().empty() || schema_.has_num_nodes()) {
      return Error(
          "node_ptr, node_counts, edge_ptr, edge_counts and num_nodes are for homogeneous "
          "graphs; types have their own ptr, counts and num_nodes");
    }
    for (const npy::NodeStore& store : schema_.nodes()) {
      if (store.type().empty()) return Error("a node type has no name");
      const int type = static_cast<int>(dataset_.node_types.size());
      NpySizes sizes;
      GF_RETURN_IF_ERROR(ReadSizes(store.type(), store.ptr(), store.counts(), sizes));
      if (store.has_num_nodes()) {
        GF_RETURN_IF_ERROR(ReadTotal(store.type(), store.num_nodes(), sizes));
      }
      dataset_.node_types.push_back(store.type());
      dataset_.node_sizes.push_back(std::move(sizes));
      for (const npy::Column& column : store.columns()) {
        GF_RETURN_IF_ERROR(ReadColumn(column, Level::kNode, type));
      }
    }
    for (const npy::EdgeStore& store : schema_.edges()) {
      const int type = static_cast<int>(dataset_.edge_types.size());
      EdgeType edge_type{.relation = store.relation()};
      GF_RETURN_IF_ERROR(FindNodeType(store.source(), edge_type.source));
      GF_RETURN_IF_ERROR(FindNodeType(store.target(), edge_type.target));
      NpySizes sizes;
      GF_RETURN_IF_ERROR(ReadSizes(store.relation(), store.ptr(), store.counts(), sizes));
      dataset_.edge_types.push_back(std::move(edge_type));
      dataset_.edge_sizes.push_back(std::move(sizes));
      for (const npy::Column& column : store.columns()) {
        GF_RETURN_IF_ERROR(ReadColumn(column, Level::kEdge, type));
      }
    }
    for (const npy::Column& column : schema_.columns()) {
      GF_RETURN_IF_ERROR(ReadColumn(column, Level::kGraph, 0));
    }
    return absl::OkStatus();
  }

  absl::Status FindNodeType(const std::string& name, int& type) const {
    const auto& types = dataset_.node_types;
    const auto found = std::find(types.begin(), types.end(), name);
    if (found == types.end()) {
      return Error(absl::StrCat("an edge type names node type \"", name, "\"; there are ",
                                absl::StrJoin(types, ", ")));
    }
    type = static_cast<int>(found - types.begin());
    return absl::OkStatus();
  }

  const fs::path folder_;
  const npy::NpySchema schema_;
  NpyDataset dataset_;
};

}  // namespace

absl::StatusOr<NpyDataset> LoadNpySchema(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there is no folder ", folder));
  }
  npy::NpySchema schema;
  const fs::path path = fs::path(folder) / kSchemaFile;
  if (Exists(path)) GF_RETURN_IF_ERROR(ReadJson(path, schema));
  return SchemaReader(folder, std::move(schema)).Read();
}

}  // namespace graphfeed
