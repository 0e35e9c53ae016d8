#include "storage/importers/tu_source.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxFeatureColumns = 1 << 16;

template <typename T>
void AppendRaw(const T* values, size_t count, std::string& rows) {
  rows.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

ColumnBlock MakeColumn(std::string name, Level level, DType dtype, std::vector<int64_t> row_shape) {
  ColumnBlock column;
  column.name = std::move(name);
  column.level = level;
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  return column;
}

// Turns a row of attributes and a row of labels into one row of features.
class FeatureEncoder {
 public:
  // The tables outlive the encoder. `what` names the label file in errors.
  static absl::StatusOr<FeatureEncoder> Create(const TuTable<float>* attributes,
                                               const TuTable<int64_t>* labels,
                                               absl::string_view what) {
    FeatureEncoder encoder;
    encoder.attributes_ = attributes;
    encoder.labels_ = labels;
    __int128 width = attributes == nullptr ? 0 : attributes->columns;
    for (int64_t c = 0; labels->rows() > 0 && c < labels->columns; ++c) {
      int64_t min = labels->row(0)[c];
      int64_t max = min;
      for (int64_t r = 1; r < labels->rows(); ++r) {
        min = std::min(min, labels->row(r)[c]);
        max = std::max(max, labels->row(r)[c]);
      }
      encoder.one_hot_.push_back({static_cast<int64_t>(width), min});
      width += static_cast<__int128>(max) - min + 1;
      if (width > kMaxFeatureColumns) {
        return absl::InvalidArgumentError(absl::StrCat(
            what, ": column ", c + 1, " has labels from ", min, " to ", max,
            "; one-hot features of more than ", kMaxFeatureColumns, " columns are refused"));
      }
    }
    encoder.width_ = static_cast<int64_t>(width);
    return encoder;
  }

  int64_t width() const { return width_; }

  // out[i] += feature i of the row. Adding serves repeated edges; a fresh row starts at zero.
  void AddTo(int64_t row, float* out) const {
    if (attributes_ != nullptr) {
      const float* values = attributes_->row(row);
      for (int64_t c = 0; c < attributes_->columns; ++c) out[c] += values[c];
    }
    for (size_t c = 0; c < one_hot_.size(); ++c) {
      out[one_hot_[c].first_column + labels_->row(row)[c] - one_hot_[c].min] += 1;
    }
  }

 private:
  struct OneHot {
    int64_t first_column = 0;
    int64_t min = 0;
  };
  const TuTable<float>* attributes_ = nullptr;
  const TuTable<int64_t>* labels_ = nullptr;
  std::vector<OneHot> one_hot_;
  int64_t width_ = 0;
};

class TuSource : public GraphSource {
 public:
  TuSource(TuTables tables, std::string name, const TuOptions& options)
      : tables_(std::move(tables)), options_(options) {
    spec_.name = std::move(name);
  }

  absl::Status Init() {
    GF_ASSIGN_OR_RETURN(
        node_features_,
        FeatureEncoder::Create(options_.node_attributes ? &tables_.node_attributes : nullptr,
                               &tables_.node_labels, "node_labels"));
    GF_ASSIGN_OR_RETURN(
        edge_features_,
        FeatureEncoder::Create(options_.edge_attributes ? &tables_.edge_attributes : nullptr,
                               &tables_.edge_labels, "edge_labels"));
    SortEdgesByGraph();
    classes_ = tables_.graph_labels.values;
    std::sort(classes_.begin(), classes_.end());
    classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
    return absl::OkStatus();
  }

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return next_graph_; }
  int64_t total() const override { return tables_.num_graphs(); }

  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    if (next_graph_ == total()) return std::nullopt;
    GraphBlock block;
    block.num_nodes.resize(1);
    block.num_edges.resize(1);
    ColumnBlock edge_index = MakeColumn("edge_index", Level::kEdge, DType::kInt64, {2});
    edge_index.concat_last = true;
    ColumnBlock x = MakeColumn("x", Level::kNode, DType::kFloat32, {node_features_.width()});
    ColumnBlock edge_attr =
        MakeColumn("edge_attr", Level::kEdge, DType::kFloat32, {edge_features_.width()});
    ColumnBlock y = EmptyTarget();
    do {
      AppendGraph(next_graph_, block, edge_index, x, edge_attr, y);
      ++next_graph_;
    } while (next_graph_ < total() &&
             static_cast<int64_t>(edge_index.rows.size() + x.rows.size() + edge_attr.rows.size()) <
                 options_.block_bytes);

    edge_index.sizes = edge_attr.sizes = block.num_edges[0];
    x.sizes = block.num_nodes[0];
    block.columns.push_back(std::move(edge_index));
    if (node_features_.width() > 0) block.columns.push_back(std::move(x));
    if (edge_features_.width() > 0) block.columns.push_back(std::move(edge_attr));
    if (!y.name.empty()) block.columns.push_back(std::move(y));
    return block;
  }

 private:
  // A stable counting sort of the edges' numbers by their graph.
  void SortEdgesByGraph() {
    const std::vector<int64_t>& ptr = tables_.node_ptr;
    std::vector<int64_t> graph_of_node(ptr.back());
    for (int64_t g = 0; g < tables_.num_graphs(); ++g) {
      std::fill(graph_of_node.begin() + ptr[g], graph_of_node.begin() + ptr[g + 1], g);
    }
    edge_ptr_.assign(ptr.size(), 0);
    for (const TuEdge& edge : tables_.edges) ++edge_ptr_[graph_of_node[edge.source] + 1];
    std::partial_sum(edge_ptr_.begin(), edge_ptr_.end(), edge_ptr_.begin());
    edge_order_.resize(tables_.edges.size());
    std::vector<int64_t> next(edge_ptr_.begin(), edge_ptr_.end() - 1);
    for (size_t e = 0; e < tables_.edges.size(); ++e) {
      edge_order_[next[graph_of_node[tables_.edges[e].source]]++] = static_cast<int64_t>(e);
    }
  }

  // The column of graph_attributes or graph_labels; without a name if there is neither.
  ColumnBlock EmptyTarget() const {
    const bool regression = tables_.graph_attributes.columns > 0;
    const int64_t columns =
        regression ? tables_.graph_attributes.columns : tables_.graph_labels.columns;
    if (columns == 0) return {};
    ColumnBlock y =
        MakeColumn("y", Level::kGraph, regression ? DType::kFloat32 : DType::kInt64, {});
    if (columns > 1) y.row_shape = {columns};
    return y;
  }

  void AppendTarget(int64_t graph, ColumnBlock& y) const {
    if (y.name.empty()) return;
    if (y.dtype == DType::kFloat32) {
      AppendRaw(tables_.graph_attributes.row(graph), tables_.graph_attributes.columns, y.rows);
      return;
    }
    for (int64_t c = 0; c < tables_.graph_labels.columns; ++c) {
      const int64_t label = tables_.graph_labels.row(graph)[c];
      const int64_t number =
          std::lower_bound(classes_.begin(), classes_.end(), label) - classes_.begin();
      AppendRaw(&number, 1, y.rows);
    }
  }

  void AppendGraph(int64_t graph, GraphBlock& block, ColumnBlock& edge_index, ColumnBlock& x,
                   ColumnBlock& edge_attr, ColumnBlock& y) {
    const int64_t first_node = tables_.node_ptr[graph];
    const int64_t last_node = tables_.node_ptr[graph + 1];
    for (int64_t v = first_node; v < last_node && node_features_.width() > 0; ++v) {
      features_.assign(node_features_.width(), 0.0F);
      node_features_.AddTo(v, features_.data());
      AppendRaw(features_.data(), features_.size(), x.rows);
    }

    const auto less = [&](int64_t a, int64_t b) {
      const TuEdge& left = tables_.edges[a];
      const TuEdge& right = tables_.edges[b];
      return left.source != right.source ? left.source < right.source : left.target < right.target;
    };
    const auto begin = edge_order_.begin() + edge_ptr_[graph];
    const auto end = edge_order_.begin() + edge_ptr_[graph + 1];
    std::stable_sort(begin, end, less);
    int64_t num_edges = 0;
    for (auto e = begin; e != end;) {
      const TuEdge edge = tables_.edges[*e];
      features_.assign(edge_features_.width(), 0.0F);
      const auto first = e;
      for (; e != end && !less(*first, *e); ++e) edge_features_.AddTo(*e, features_.data());
      if (edge.source == edge.target) continue;
      const int64_t endpoints[2] = {edge.source - first_node, edge.target - first_node};
      AppendRaw(endpoints, 2, edge_index.rows);
      AppendRaw(features_.data(), features_.size(), edge_attr.rows);
      ++num_edges;
    }
    AppendTarget(graph, y);
    block.num_nodes[0].push_back(last_node - first_node);
    block.num_edges[0].push_back(num_edges);
    ++block.num_graphs;
  }

  const TuTables tables_;
  const TuOptions options_;
  IngestSpec spec_;
  FeatureEncoder node_features_;
  FeatureEncoder edge_features_;
  std::vector<int64_t> edge_ptr_;
  std::vector<int64_t> edge_order_;  // numbers of edges, by graph
  std::vector<int64_t> classes_;
  std::vector<float> features_;  // one row
  int64_t next_graph_ = 0;
};

// The dataset's name in a folder of NAME_*.txt files.
absl::StatusOr<std::string> FindName(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string file = it->path().filename().string();
    absl::string_view name = file;
    absl::ConsumeSuffix(&name, ".gz");
    if (absl::ConsumeSuffix(&name, "_A.txt")) names.emplace(name);
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read folder ", folder.string(), ": ", error.message()));
  }
  if (names.empty()) {
    return absl::NotFoundError(
        absl::StrCat("folder ", folder.string(), " holds no NAME_A.txt or NAME_A.txt.gz"));
  }
  const fs::path plain = folder.has_filename() ? folder : folder.parent_path();
  const std::string own = plain.filename().string();
  if (names.count(own) > 0) return own;
  if (names.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("folder ", folder.string(), " holds several datasets (",
                     absl::StrJoin(names, ", "), ") and none has the folder's name"));
  }
  return *names.begin();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSource>> MakeTuSource(TuTables tables, std::string name,
                                                          const TuOptions& options) {
  auto source = std::make_unique<TuSource>(std::move(tables), std::move(name), options);
  GF_RETURN_IF_ERROR(source->Init());
  return source;
}

absl::StatusOr<std::unique_ptr<GraphSource>> OpenTuFolder(const std::string& folder,
                                                          const TuOptions& options) {
  GF_ASSIGN_OR_RETURN(std::string name, FindName(folder));
  int64_t total_bytes = 0;
  const auto find = [&](absl::string_view part) -> std::optional<fs::path> {
    for (const absl::string_view suffix : {".txt", ".txt.gz"}) {
      fs::path path = fs::path(folder) / absl::StrCat(name, "_", part, suffix);
      std::error_code error;
      if (fs::is_regular_file(path, error)) return path;
    }
    return std::nullopt;
  };
  for (const absl::string_view part :
       {"A", "graph_indicator", "node_labels", "node_attributes", "edge_labels", "edge_attributes",
        "graph_labels", "graph_attributes"}) {
    std::error_code error;
    const std::optional<fs::path> path = find(part);
    if (path.has_value()) total_bytes += static_cast<int64_t>(fs::file_size(*path, error));
  }
  const TuOpener open = [&](absl::string_view part) -> absl::StatusOr<std::unique_ptr<LineReader>> {
    const std::optional<fs::path> path = find(part);
    if (!path.has_value()) return nullptr;
    return LineReader::Open(path->string());
  };
  int64_t done_bytes = 0;
  std::function<void(int64_t)> on_bytes;
  if (options.progress) {
    on_bytes = [&](int64_t bytes) {
      done_bytes += bytes;
      options.progress("bytes", done_bytes, total_bytes);
    };
  }
  GF_ASSIGN_OR_RETURN(TuTables tables, ReadTuTables(open, on_bytes));
  return MakeTuSource(std::move(tables), std::move(name), options);
}

}  // namespace graphfeed
