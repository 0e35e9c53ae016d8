#include "server/sampling/conditional_choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

absl::Status ConditionalChoice::Choose(const Question& question, const StreamDraws& stream,
                                       const GraphView& graph, absl::Span<const InRun> runs,
                                       absl::Span<const int64_t> time_limits, int32_t first_target,
                                       UniformChoice& uniform, std::vector<int64_t>& positions,
                                       std::vector<int32_t>& targets) {
  for (size_t begin = 0; begin < runs.size();) {
    size_t end = begin;
    for (int64_t edges = 0; end < runs.size(); ++end) {
      edges += runs[end].count;
      if (edges > kGroupEdges && end > begin) break;
    }
    const size_t count = end - begin;
    GF_RETURN_IF_ERROR(Look(question, graph, runs.subspan(begin, count),
                            time_limits.empty() ? time_limits : time_limits.subspan(begin, count)));
    size_t first = 0;
    for (size_t i = 0; i < count; ++i) {
      ChooseNumbers(question, stream, begin + i, first, ends_[i], uniform);
      GF_RETURN_IF_ERROR(CheckEdgeLimit(graph.schema, question.edge_type,
                                        static_cast<int64_t>(positions.size() + numbers_.size()),
                                        question.max_edges));
      for (const int64_t number : numbers_) {
        positions.push_back(candidates_[first + static_cast<size_t>(number)]);
      }
      targets.insert(targets.end(), numbers_.size(),
                     first_target + static_cast<int32_t>(begin + i));
      first = ends_[i];
    }
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status ConditionalChoice::Look(const Question& question, const GraphView& graph,
                                     absl::Span<const InRun> runs,
                                     absl::Span<const int64_t> time_limits) {
  candidates_.clear();
  ends_.clear();
  for (const InRun& run : runs) {
    for (int64_t j = 0; j < run.count; ++j) candidates_.push_back(run.begin + j);
    ends_.push_back(candidates_.size());
  }
  if (question.time_column >= 0) {
    ids_.resize(candidates_.size());
    GF_RETURN_IF_ERROR(
        question.edge_times
            ? graph.adjacency.EdgeIds(question.edge_type, candidates_, absl::MakeSpan(ids_))
            : graph.adjacency.Sources(question.edge_type, candidates_, absl::MakeSpan(ids_)));
    times_.resize(candidates_.size());
    GF_RETURN_IF_ERROR(
        reader_.ReadIntegers(graph, question.time_column, ids_, absl::MakeSpan(times_)));
    size_t kept = 0;
    size_t next = 0;
    for (size_t i = 0; i < runs.size(); ++i) {
      for (; next < ends_[i]; ++next) {
        if (times_[next] > time_limits[i]) continue;
        candidates_[kept] = candidates_[next];
        times_[kept] = times_[next];
        ++kept;
      }
      ends_[i] = kept;
    }
    candidates_.resize(kept);
    times_.resize(kept);
  }
  return question.weight_column < 0 ? absl::OkStatus() : ReadWeights(question, graph);
}

absl::Status ConditionalChoice::ReadWeights(const Question& question, const GraphView& graph) {
  ids_.resize(candidates_.size());
  GF_RETURN_IF_ERROR(
      graph.adjacency.EdgeIds(question.edge_type, candidates_, absl::MakeSpan(ids_)));
  weights_.resize(candidates_.size());
  GF_RETURN_IF_ERROR(
      reader_.ReadFloats(graph, question.weight_column, ids_, absl::MakeSpan(weights_)));
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] >= 0 && std::isfinite(weights_[i])) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("edge ", ids_[i], " of '", graph.schema.EdgeTypeName(question.edge_type),
                     "' has the weight ", weights_[i], " in column '",
                     graph.schema.columns[question.weight_column].name,
                     "'; sampling by weight needs finite weights of at least 0"));
  }
  return absl::OkStatus();
}

void ConditionalChoice::ChooseNumbers(const Question& question, const StreamDraws& stream,
                                      uint64_t place, size_t first, size_t last,
                                      UniformChoice& uniform) {
  numbers_.clear();
  if (question.weight_column >= 0) {
    weighted_.Choose(stream, place, absl::MakeConstSpan(weights_).subspan(first, last - first),
                     question.fan_out, question.replace, numbers_);
  } else if (question.latest) {
    ChooseLatest(question, first, last);
  } else {
    const auto count = static_cast<int64_t>(last - first);
    numbers_.resize(static_cast<size_t>(NumChosen(count, question.fan_out, question.replace)));
    uniform.Choose(stream, place, count, question.fan_out, question.replace, /*base=*/0,
                   numbers_.data());
  }
}

void ConditionalChoice::ChooseLatest(const Question& question, size_t first, size_t last) {
  const int64_t fan_out = question.fan_out;
  numbers_.resize(last - first);
  std::iota(numbers_.begin(), numbers_.end(), int64_t{0});
  const auto count = static_cast<int64_t>(numbers_.size());
  if (fan_out < 0 || count <= fan_out) return;
  // A source type without times: all are equally late.
  if (question.time_column >= 0) {
    const int64_t* const times = times_.data() + first;
    std::nth_element(numbers_.begin(), numbers_.begin() + fan_out, numbers_.end(),
                     [times](int64_t a, int64_t b) {
                       return times[a] != times[b] ? times[a] > times[b] : a > b;
                     });
    numbers_.resize(static_cast<size_t>(fan_out));
    std::sort(numbers_.begin(), numbers_.end());
  } else {
    numbers_.erase(numbers_.begin(), numbers_.end() - fan_out);
  }
}

}  // namespace graphfeed
