#include "storage/importers/npy_draft.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "storage/base/status_macros.h"
#include "storage/importers/npy_file.h"
#include "storage/importers/npy_schema.pb.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kSizeFiles[] = {"node_ptr", "node_counts", "edge_ptr", "edge_counts"};

// What the files of a folder hold that one column is made of.
struct Array {
  std::string stem;  // of the file, or what those of a sparse matrix begin with
  std::vector<int64_t> shape;
  DType dtype = DType::kFloat32;
  int64_t csr_columns = 0;  // above 0: sparse
};

absl::StatusOr<int64_t> LargestIndex(NpyFile& file) {
  constexpr int64_t kRowsAtOnce = 1 << 20;
  const DType dtype = file.header().dtype;
  if (dtype != DType::kInt32 && dtype != DType::kInt64) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.name(), " is ", file.ShapeText(), "; indices are int32 or int64"));
  }
  int64_t largest = 0;
  const int64_t rows = file.NumRows(false);
  for (int64_t first = 0; first < rows; first += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, rows - first);
    std::string bytes;
    GF_RETURN_IF_ERROR(file.ReadRows(false, first, count, bytes));
    for (int64_t i = 0; i < count; ++i) {
      int64_t index = 0;
      int32_t narrow = 0;
      if (dtype == DType::kInt64) {
        std::memcpy(&index, bytes.data() + i * 8, 8);
      } else {
        std::memcpy(&narrow, bytes.data() + i * 4, 4);
        index = narrow;
      }
      largest = std::max(largest, index);
    }
  }
  return largest;
}

class Drafter {
 public:
  explicit Drafter(fs::path folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::string> Draft() {
    GF_RETURN_IF_ERROR(ReadFolder());
    for (const auto& [stem, array] : arrays_) {
      if (absl::StartsWith(stem, "edge_index__")) edge_types_.push_back(stem.substr(12));
    }
    GF_RETURN_IF_ERROR(edge_types_.empty() ? DraftHomogeneous() : DraftTypes());
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    options.preserve_proto_field_names = true;
    std::string json;
    if (!google::protobuf::util::MessageToJsonString(schema_, &json, options).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the names of files in ", folder_.string(), " are no UTF-8"));
    }
    return json;
  }

 private:
  absl::Status ReadFolder() {
    std::vector<std::string> stems;
    std::error_code error;
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".npy") stems.push_back(it->path().stem().string());
    }
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot read folder ", folder_.string(), ": ", error.message()));
    }
    if (stems.empty()) {
      return absl::NotFoundError(absl::StrCat("folder ", folder_.string(), " holds no .npy file"));
    }
    std::sort(stems.begin(), stems.end());
    const auto has = [&](const std::string& stem) {
      return std::binary_search(stems.begin(), stems.end(), stem);
    };
    for (const std::string& stem : stems) {
      absl::string_view prefix = stem;
      Array array{.stem = stem, .shape = {}};
      GF_ASSIGN_OR_RETURN(const std::unique_ptr<NpyFile> file, NpyFile::Open(PathOf(stem)));
      array.shape = file->header().shape;
      array.dtype = file->header().dtype;
      const bool sparse = [&] {
        for (const char* part : {"_indptr", "_indices", "_data"}) {
          prefix = stem;
          if (absl::ConsumeSuffix(&prefix, part)) {
            return has(absl::StrCat(prefix, "_indptr")) && has(absl::StrCat(prefix, "_indices"));
          }
        }
        return false;
      }();
      if (sparse && !absl::EndsWith(stem, "_indptr")) continue;
      if (sparse) {
        GF_ASSIGN_OR_RETURN(const std::unique_ptr<NpyFile> indices,
                            NpyFile::Open(PathOf(absl::StrCat(prefix, "_indices"))));
        GF_ASSIGN_OR_RETURN(const int64_t largest, LargestIndex(*indices));
        array.stem = std::string(prefix);
        array.csr_columns = largest + 1;
        array.shape = {array.shape.empty() ? 0 : array.shape[0] - 1, array.csr_columns};
      }
      arrays_.emplace(array.stem, array);
    }
    return absl::OkStatus();
  }

  std::string PathOf(absl::string_view stem) const {
    return (folder_ / absl::StrCat(stem, ".npy")).string();
  }

  static void Describe(const Array& array, const std::string& name, npy::Column& column) {
    column.set_name(name);
    if (array.csr_columns > 0) {
      column.set_csr(array.stem);
      column.set_num_columns(array.csr_columns);
    } else {
      column.set_file(absl::StrCat(array.stem, ".npy"));
    }
    if (array.dtype == DType::kUint8 && absl::StrContains(name, "mask")) column.set_dtype("bool");
  }

  absl::Status DraftHomogeneous() {
    std::optional<int64_t> graphs;
    for (const absl::string_view name : kSizeFiles) {
      const auto found = arrays_.find(std::string(name));
      if (found == arrays_.end()) continue;
      const std::string file = absl::StrCat(name, ".npy");
      if (name == "node_ptr") schema_.set_node_ptr(file);
      if (name == "node_counts") schema_.set_node_counts(file);
      if (name == "edge_ptr") schema_.set_edge_ptr(file);
      if (name == "edge_counts") schema_.set_edge_counts(file);
      if (absl::StartsWith(name, "node") && !found->second.shape.empty()) {
        graphs = found->second.shape[0] - (name == "node_ptr" ? 1 : 0);
      }
      arrays_.erase(found);
    }
    const std::map<std::string, std::string> cuts = TakeCuts(graphs);
    const std::optional<int64_t> nodes = RowsOf({"x", "feat", "pos", "node_type", "n_id"});
    const std::optional<int64_t> edges = RowsOf({"edge_index", "edge_attr", "edge_weight"});
    std::vector<std::string> order;
    for (const char* first : {"x", "edge_index", "edge_attr", "y", "pos"}) {
      if (arrays_.count(first) > 0) order.emplace_back(first);
    }
    for (const auto& [stem, array] : arrays_) {
      if (std::find(order.begin(), order.end(), stem) == order.end()) order.push_back(stem);
    }
    for (const std::string& stem : order) {
      npy::Column& column = *schema_.add_columns();
      Describe(arrays_[stem], stem, column);
      if (const auto cut = cuts.find(stem); cut != cuts.end()) {
        absl::EndsWith(cut->second, "_ptr.npy") ? column.set_ptr(cut->second)
                                                : column.set_counts(cut->second);
        continue;
      }
      const std::optional<int64_t> rows = RowsOf({stem});
      std::vector<const char*> fits;
      if (rows == nodes && nodes.has_value()) fits.push_back("node");
      if (rows == edges && edges.has_value()) fits.push_back("edge");
      if (rows == graphs && graphs.has_value()) fits.push_back("graph");
      if (stem == "edge_index") fits = {"edge"};
      if (fits.size() == 1) column.set_level(fits[0]);
    }
    return absl::OkStatus();
  }

  // The files NAME_ptr and NAME_counts of a collection that cut the rows of NAME into graphs, by
  // NAME; they are no columns.
  std::map<std::string, std::string> TakeCuts(std::optional<int64_t> graphs) {
    std::map<std::string, std::string> cuts;
    for (const auto& [stem, array] : arrays_) {
      for (const char* suffix : {"_ptr", "_counts"}) {
        const auto found = arrays_.find(stem + suffix);
        if (found == arrays_.end() || !graphs.has_value()) continue;
        const int64_t entries = *graphs + (absl::EndsWith(found->first, "_ptr") ? 1 : 0);
        if (found->second.shape == std::vector<int64_t>{entries}) {
          cuts.emplace(stem, found->first + ".npy");
        }
      }
    }
    for (const auto& [stem, file] : cuts) arrays_.erase(file.substr(0, file.size() - 4));
    return cuts;
  }

  // Of the first of these arrays that there is.
  std::optional<int64_t> RowsOf(const std::vector<std::string>& stems) const {
    for (const std::string& stem : stems) {
      const auto found = arrays_.find(stem);
      if (found == arrays_.end() || found->second.shape.empty()) continue;
      const std::vector<int64_t>& shape = found->second.shape;
      const bool last = absl::StrContains(stem, "index") && shape.size() > 1 &&
                        !(stem == "edge_index" && shape[0] != 2 && shape[1] == 2);
      return last ? shape.back() : shape.front();
    }
    return std::nullopt;
  }

  absl::Status DraftTypes() {
    std::map<std::string, npy::EdgeStore*> edges;  // by "a__to__b"
    std::vector<std::string> node_types;
    for (const std::string& type : edge_types_) {
      const std::vector<std::string> parts = absl::StrSplit(type, "__");
      if (parts.size() != 3) {
        return absl::InvalidArgumentError(
            absl::StrCat(PathOf("edge_index__" + type),
                         ": its name is not edge_index__SOURCE__RELATION__TARGET"));
      }
      npy::EdgeStore& store = *(edges[type] = schema_.add_edges());
      store.set_source(parts[0]);
      store.set_relation(parts[1]);
      store.set_target(parts[2]);
      for (const std::string& end : {parts[0], parts[2]}) {
        if (std::find(node_types.begin(), node_types.end(), end) == node_types.end()) {
          node_types.push_back(end);
        }
      }
    }
    std::map<std::string, npy::NodeStore*> nodes;
    for (const std::string& type : node_types) {
      nodes[type] = schema_.add_nodes();
      nodes[type]->set_type(type);
    }
    for (const auto& [stem, array] : arrays_) {
      const size_t end = stem.find("__");
      const auto edge = end == std::string::npos ? edges.end() : edges.find(stem.substr(end + 2));
      if (edge != edges.end()) {
        Describe(array, stem.substr(0, end), *edge->second->add_columns());
        continue;
      }
      std::string type;  // the longest one that fits
      for (const std::string& known : node_types) {
        if (absl::StartsWith(stem, known + "_") && known.size() > type.size()) type = known;
      }
      if (type.empty()) {
        Describe(array, stem, *schema_.add_columns());
      } else {
        Describe(array, stem.substr(type.size() + 1), *nodes[type]->add_columns());
      }
    }
    return absl::OkStatus();
  }

  const fs::path folder_;
  std::map<std::string, Array> arrays_;  // by stem
  std::vector<std::string> edge_types_;
  npy::NpySchema schema_;
};

}  // namespace

absl::StatusOr<std::string> DraftNpySchema(const std::string& folder) {
  return Drafter(folder).Draft();
}

}  // namespace graphfeed
