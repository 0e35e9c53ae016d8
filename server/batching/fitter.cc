#include "server/batching/fitter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/batching/removal.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

// One batch being trimmed.
class Fitter::Trimmer {
 public:
  Trimmer(const Fitter& fitter, const CounterRandom& random, FeatureStore& features,
          GraphBatch& batch)
      : fitter_(fitter),
        schema_(fitter.schema_),
        options_(fitter.spec_.options),
        random_(random),
        features_(features),
        batch_(batch),
        node_removals_(schema_.node_types.size()),
        ends_(schema_.edge_types.size()) {}

  absl::Status Trim() {
    if (TrimsNodes()) GF_RETURN_IF_ERROR(TrimNodes());
    if (TrimsEdges()) GF_RETURN_IF_ERROR(TrimEdges());
    Renumber();
    return absl::OkStatus();
  }

 private:
  bool TrimsNodes() const {
    return fitter_.spec_.over_size == OverSize::kTrimNodes ||
           fitter_.spec_.over_size == OverSize::kTrimNodesAndEdges;
  }
  bool TrimsEdges() const {
    return fitter_.spec_.over_size == OverSize::kTrimEdges ||
           fitter_.spec_.over_size == OverSize::kTrimNodesAndEdges;
  }

  absl::Status TrimNodes() {
    for (size_t t = 0; t < options_.num_nodes.size(); ++t) {
      if (batch_.real.nodes[t] > options_.num_nodes[t]) {
        GF_RETURN_IF_ERROR(RemoveNodes(static_cast<int>(t), options_.num_nodes[t]));
      }
    }
    // Each round takes one node of each full type that padding edges need one of. Fewer edges may
    // then ask for padding of further types, but no type gives way twice.
    for (;;) {
      GF_RETURN_IF_ERROR(RemoveLooseEdges());
      std::vector<int> full;
      for (size_t r = 0; r < options_.num_edges.size(); ++r) {
        if (batch_.real.edges[r] >= options_.num_edges[r]) continue;
        for (const int t : {schema_.edge_types[r].source, schema_.edge_types[r].target}) {
          if (batch_.real.nodes[t] == options_.num_nodes[t] &&
              std::find(full.begin(), full.end(), t) == full.end()) {
            full.push_back(t);
          }
        }
      }
      if (full.empty()) return absl::OkStatus();
      for (const int t : full) {
        GF_RETURN_IF_ERROR(RemoveNodes(t, options_.num_nodes[t] - 1));
      }
    }
  }

  absl::Status RemoveNodes(int type, int64_t limit) {
    Survivors& survivors = batch_.node_survivors[type];
    if (!survivors.trimmed()) {
      survivors.keep.assign(batch_.real.nodes[type], 1);
      survivors.stored_ptr = batch_.node_ptr[type];
      node_removals_[type].emplace(
          RandomStream(random_, static_cast<uint64_t>(batch_.batch), 2 * type), survivors.keep,
          survivors.stored_ptr);
    }
    const int64_t missing =
        node_removals_[type]->Remove(batch_.real.nodes[type] - limit, survivors.keep);
    if (missing > 0) {
      return fitter_.Refuse(
          batch_, absl::StrCat("has ", batch_.real.nodes[type], " ", fitter_.NodesOf(type),
                               " and cannot be trimmed to ", limit,
                               ", since every graph keeps at least one (num_nodes ",
                               options_.num_nodes[type], ")"));
    }
    batch_.real.nodes[type] = limit;
    return absl::OkStatus();
  }

  // Removes the edges that have lost an end.
  absl::Status RemoveLooseEdges() {
    for (size_t r = 0; r < options_.num_edges.size(); ++r) {
      const EdgeType& type = schema_.edge_types[r];
      const Survivors& sources = batch_.node_survivors[type.source];
      const Survivors& targets = batch_.node_survivors[type.target];
      if (!sources.trimmed() && !targets.trimmed()) continue;
      GF_RETURN_IF_ERROR(ReadEnds(static_cast<int>(r)));
      if (ends_[r].empty()) continue;
      Survivors& survivors = batch_.edge_survivors[r];
      if (!survivors.trimmed()) {
        survivors.keep.assign(batch_.real.edges[r], 1);
        survivors.stored_ptr = batch_.edge_ptr[r];
      }
      int64_t left = 0;
      for (size_t e = 0; e < survivors.keep.size(); ++e) {
        const auto [source, target] = ends_[r][e];
        survivors.keep[e] = (!sources.trimmed() || sources.keep[source] != 0) &&
                            (!targets.trimmed() || targets.keep[target] != 0);
        left += survivors.keep[e];
      }
      batch_.real.edges[r] = left;
    }
    return absl::OkStatus();
  }

  // Both ends of the stored edges, as positions among the batch's stored nodes of their types.
  absl::Status ReadEnds(int type) {
    std::vector<std::pair<int64_t, int64_t>>& ends = ends_[type];
    const int column = schema_.FindColumn(Level::kEdge, type, "edge_index");
    if (column < 0 || !ends.empty()) return absl::OkStatus();
    const std::vector<int64_t>& edge_ptr = batch_.edge_ptr[type];
    const std::vector<int64_t>& source_ptr = batch_.node_ptr[schema_.edge_types[type].source];
    const std::vector<int64_t>& target_ptr = batch_.node_ptr[schema_.edge_types[type].target];
    ends.resize(edge_ptr.back());
    std::vector<RowRange> ranges;
    for (const int64_t graph : batch_.graphs) {
      ranges.push_back(
          {fitter_.offsets_.edge_ptr[type][graph], fitter_.offsets_.NumEdges(type, graph)});
    }
    bool damaged = false;
    const bool wide = schema_.columns[column].dtype == DType::kInt64;
    const auto read = [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
      const int64_t first_source = source_ptr[range];
      const int64_t first_target = target_ptr[range];
      for (int64_t i = 0; i < count; ++i) {
        const int64_t source = wide ? reinterpret_cast<const int64_t*>(rows)[2 * i]
                                    : reinterpret_cast<const int32_t*>(rows)[2 * i];
        const int64_t target = wide ? reinterpret_cast<const int64_t*>(rows)[2 * i + 1]
                                    : reinterpret_cast<const int32_t*>(rows)[2 * i + 1];
        if (source < 0 || source >= source_ptr[range + 1] - first_source || target < 0 ||
            target >= target_ptr[range + 1] - first_target) {
          damaged = true;
          return;
        }
        ends[edge_ptr[range] + offset + i] = {first_source + source, first_target + target};
      }
    };
    GF_RETURN_IF_ERROR(features_.VisitRows(column, ranges, read));
    if (damaged) {
      return absl::DataLossError(absl::StrCat("batch ", batch_.batch, ": edge_index of ",
                                              schema_.EdgeTypeName(type),
                                              " points to nodes that its graphs do not have"));
    }
    return absl::OkStatus();
  }

  absl::Status TrimEdges() {
    for (size_t r = 0; r < options_.num_edges.size(); ++r) {
      const int64_t limit = options_.num_edges[r];
      if (batch_.real.edges[r] <= limit) continue;
      Survivors& survivors = batch_.edge_survivors[r];
      if (!survivors.trimmed()) {
        survivors.keep.assign(batch_.real.edges[r], 1);
        survivors.stored_ptr = batch_.edge_ptr[r];
      }
      RemovalOrder removal(
          RandomStream(random_, static_cast<uint64_t>(batch_.batch), 2 * static_cast<int>(r) + 1),
          survivors.keep, survivors.stored_ptr);
      if (removal.Remove(batch_.real.edges[r] - limit, survivors.keep) > 0) {
        return fitter_.Refuse(
            batch_, absl::StrCat("has ", batch_.real.edges[r], " ",
                                 fitter_.EdgesOf(static_cast<int>(r)), " and cannot be trimmed to ",
                                 limit, " (num_edges), since every graph keeps at least one"));
      }
      batch_.real.edges[r] = limit;
    }
    return absl::OkStatus();
  }

  // Where the survivors will lie.
  void Renumber() {
    for (size_t t = 0; t < batch_.node_survivors.size(); ++t) {
      Survivors& survivors = batch_.node_survivors[t];
      if (!survivors.trimmed()) continue;
      RenumberPtr(survivors, batch_.node_ptr[t]);
      survivors.new_id.resize(survivors.keep.size());
      for (size_t g = 0; g + 1 < survivors.stored_ptr.size(); ++g) {
        int64_t id = 0;
        for (int64_t i = survivors.stored_ptr[g]; i < survivors.stored_ptr[g + 1]; ++i) {
          survivors.new_id[i] = survivors.keep[i] != 0 ? id++ : -1;
        }
      }
    }
    for (size_t r = 0; r < batch_.edge_survivors.size(); ++r) {
      if (batch_.edge_survivors[r].trimmed()) {
        RenumberPtr(batch_.edge_survivors[r], batch_.edge_ptr[r]);
      }
    }
  }

  static void RenumberPtr(const Survivors& survivors, std::vector<int64_t>& ptr) {
    int64_t end = 0;
    for (size_t g = 0; g + 1 < survivors.stored_ptr.size(); ++g) {
      ptr[g] = end;
      for (int64_t i = survivors.stored_ptr[g]; i < survivors.stored_ptr[g + 1]; ++i) {
        end += survivors.keep[i];
      }
    }
    ptr.back() = end;
  }

  const Fitter& fitter_;
  const Schema& schema_;
  const ResolvedOptions& options_;
  const CounterRandom& random_;
  FeatureStore& features_;
  GraphBatch& batch_;
  std::vector<std::optional<RemovalOrder>> node_removals_;
  std::vector<std::vector<std::pair<int64_t, int64_t>>> ends_;  // by edge type, read when needed
};

absl::Status Fitter::Fit(const CounterRandom& random, FeatureStore& features,
                         GraphBatch& batch) const {
  absl::Status status = Check(batch);
  const bool trims = spec_.over_size != OverSize::kError && spec_.over_size != OverSize::kSkip;
  if (status.ok() || !trims) return status;
  GF_RETURN_IF_ERROR(CheckGraphs(batch));
  GF_RETURN_IF_ERROR(CheckRows(batch));
  GF_RETURN_IF_ERROR(Trimmer(*this, random, features, batch).Trim());
  return Check(batch);
}

absl::Status Fitter::CheckGraphs(const GraphBatch& batch) const {
  if (batch.real.graphs <= spec_.options.num_graphs) return absl::OkStatus();
  return Refuse(batch, absl::StrCat("has more graphs than num_graphs ", spec_.options.num_graphs));
}

absl::Status Fitter::CheckRows(const GraphBatch& batch) const {
  const bool trims = spec_.over_size != OverSize::kError && spec_.over_size != OverSize::kSkip;
  size_t i = 0;
  for (const auto& [name, limit] : spec_.options.num_rows) {
    const int64_t rows = batch.real.rows[i++];
    if (rows <= limit) continue;
    return Refuse(batch, absl::StrCat("has ", rows, " rows of column \"", name,
                                      "\"; a batch holds ", limit, " (num_rows)",
                                      trims ? ", and trimming takes nodes and edges only" : ""));
  }
  return absl::OkStatus();
}

// Node ids of padding rows are those of padding nodes.
absl::Status Fitter::CheckRowPadding(const GraphBatch& batch) const {
  size_t i = 0;
  for (const auto& [name, limit] : spec_.options.num_rows) {
    const int64_t padding = limit - batch.real.rows[i];
    for (const int t : schema_.columns[spec_.row_columns[i++]].index_types) {
      if (padding == 0 || batch.real.nodes[t] < spec_.options.num_nodes[t]) continue;
      return Refuse(
          batch, absl::StrCat("fills all ", spec_.options.num_nodes[t], " ", NodesOf(t),
                              " (num_nodes), but its ", padding, " padding rows of column \"", name,
                              "\" need a padding node"));
    }
  }
  return absl::OkStatus();
}

absl::Status Fitter::Check(const GraphBatch& batch) const {
  const ResolvedOptions& options = spec_.options;
  GF_RETURN_IF_ERROR(CheckGraphs(batch));
  bool exact = true;
  for (size_t t = 0; t < options.num_nodes.size(); ++t) {
    if (batch.real.nodes[t] > options.num_nodes[t]) {
      return Refuse(batch,
                    absl::StrCat("has ", batch.real.nodes[t], " ", NodesOf(static_cast<int>(t)),
                                 "; a batch holds ", options.num_nodes[t], " (num_nodes)"));
    }
    exact = exact && batch.real.nodes[t] == options.num_nodes[t];
  }
  for (size_t r = 0; r < options.num_edges.size(); ++r) {
    if (batch.real.edges[r] > options.num_edges[r]) {
      return Refuse(batch,
                    absl::StrCat("has ", batch.real.edges[r], " ", EdgesOf(static_cast<int>(r)),
                                 "; a batch holds ", options.num_edges[r], " (num_edges)"));
    }
    exact = exact && batch.real.edges[r] == options.num_edges[r];
  }
  GF_RETURN_IF_ERROR(CheckRows(batch));
  size_t i = 0;
  for (const auto& [name, limit] : options.num_rows) exact = exact && batch.real.rows[i++] == limit;
  if (!exact && batch.real.graphs == options.num_graphs) {
    return Refuse(batch, absl::StrCat("needs padding, but leaves no padding graph of num_graphs ",
                                      options.num_graphs));
  }
  for (size_t r = 0; r < options.num_edges.size(); ++r) {
    const int64_t padding = options.num_edges[r] - batch.real.edges[r];
    if (padding == 0) continue;
    for (const int t : {schema_.edge_types[r].source, schema_.edge_types[r].target}) {
      if (batch.real.nodes[t] < options.num_nodes[t]) continue;
      return Refuse(batch, absl::StrCat("fills all ", options.num_nodes[t], " ", NodesOf(t),
                                        " (num_nodes), but its ", padding, " padding ",
                                        EdgesOf(static_cast<int>(r)), " need a padding node"));
    }
  }
  return CheckRowPadding(batch);
}

absl::Status Fitter::Refuse(const GraphBatch& batch, absl::string_view why) const {
  constexpr size_t kShown = 8;
  std::string graphs;
  for (size_t i = 0; i < std::min(batch.graphs.size(), kShown); ++i) {
    absl::StrAppend(&graphs, i == 0 ? "" : ", ", batch.graphs[i]);
  }
  if (batch.graphs.size() > kShown) {
    absl::StrAppend(&graphs, ", ... ", batch.graphs.size(), " in all");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("batch ", batch.batch, " (graphs ", graphs, ") ", why));
}

std::string Fitter::NodesOf(int type) const {
  return schema_.heterogeneous ? absl::StrCat("nodes of type ", schema_.node_types[type]) : "nodes";
}

std::string Fitter::EdgesOf(int type) const {
  return schema_.heterogeneous ? absl::StrCat("edges of type ", schema_.EdgeTypeName(type))
                               : "edges";
}

}  // namespace graphfeed
