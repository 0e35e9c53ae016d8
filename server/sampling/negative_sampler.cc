#include "server/sampling/negative_sampler.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/random.h"
#include "server/sampling/draws.h"
#include "server/sampling/in_edge_reader.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Targets whose in-edges are read at once where all edges are.
constexpr int64_t kTargetsAtOnce = 1 << 16;

// Above the edge type in the stream word of a draw's counter.
enum class Kind : uint32_t { kPairs = 0, kTargets = 1 };

// Counts above 2^64 are never needed exactly: nobody could draw until such a fallback.
using Wide = unsigned __int128;

class NegativeSampler {
 public:
  NegativeSampler(const GraphView& graph, int edge_type, const CounterRandom& random,
                  uint64_t batch, Kind kind)
      : graph_(graph),
        edge_type_(edge_type),
        num_sources_(graph.adjacency.NumNodes(graph.schema.edge_types[edge_type].source)),
        num_targets_(graph.adjacency.NumNodes(graph.schema.edge_types[edge_type].target)),
        draws_(random, batch,
               static_cast<uint32_t>(kind) << 16 | static_cast<uint32_t>(edge_type)) {}

  absl::Status Pairs(NegativePairs& pairs) {
    GF_RETURN_IF_ERROR(Try(/*draw_sources=*/true, pairs));
    return open_.empty() ? absl::OkStatus() : EnumeratePairs(pairs);
  }

  // pairs.source is given.
  absl::Status Targets(NegativePairs& pairs) {
    GF_RETURN_IF_ERROR(Try(/*draw_sources=*/false, pairs));
    return open_.empty() ? absl::OkStatus() : EnumerateTargets(pairs);
  }

  int64_t num_sources() const { return num_sources_; }

 private:
  // Try t of the pair at a place uses block t: words 0 and 1 for the source, 2 and 3 for the
  // target. A word that Reduce throws away is a failed try. Leaves in open_ the places without a
  // pair.
  absl::Status Try(bool draw_sources, NegativePairs& pairs) {
    open_.resize(pairs.target.size());
    std::iota(open_.begin(), open_.end(), size_t{0});
    if (num_sources_ == 0 || num_targets_ == 0) return absl::OkStatus();
    std::vector<char> is_edge;
    std::vector<int64_t> targets;
    for (uint64_t attempt = 0; attempt < kNegativeTries && !open_.empty(); ++attempt) {
      is_edge.assign(open_.size(), 0);
      targets.clear();
      for (size_t i = 0; i < open_.size(); ++i) {
        const auto words = draws_.Block(open_[i], attempt);
        uint64_t source = 0;
        uint64_t target = 0;
        if ((draw_sources && !Reduce(uint64_t{words[0]} | uint64_t{words[1]} << 32,
                                     static_cast<uint64_t>(num_sources_), source)) ||
            !Reduce(uint64_t{words[2]} | uint64_t{words[3]} << 32,
                    static_cast<uint64_t>(num_targets_), target)) {
          is_edge[i] = 1;
        }
        if (draw_sources) pairs.source[open_[i]] = static_cast<int64_t>(source);
        pairs.target[open_[i]] = static_cast<int64_t>(target);
        targets.push_back(static_cast<int64_t>(target));
      }
      GF_RETURN_IF_ERROR(
          reader_.Visit(graph_.adjacency, edge_type_, targets,
                        [&](absl::Span<const InEdgeReader::Piece> pieces, absl::Span<const int64_t>,
                            absl::Span<const int64_t> sources) {
                          const int64_t* next = sources.data();
                          for (const InEdgeReader::Piece& piece : pieces) {
                            const int64_t source = pairs.source[open_[piece.node]];
                            if (std::find(next, next + piece.count, source) != next + piece.count) {
                              is_edge[piece.node] = 1;
                            }
                            next += piece.count;
                          }
                          return absl::OkStatus();
                        }));
      size_t kept = 0;
      for (size_t i = 0; i < open_.size(); ++i) {
        if (is_edge[i]) open_[kept++] = open_[i];
      }
      open_.resize(kept);
    }
    return absl::OkStatus();
  }

  // Calls `visit(target, sources)` for all targets in their order, `sources` being the distinct
  // ones of its in-edges, ascending.
  template <typename Visit>
  absl::Status VisitAllTargets(Visit visit) {
    std::vector<int64_t> targets;
    std::vector<int64_t> sources;  // of the target that is being read
    for (int64_t begin = 0; begin < num_targets_; begin += kTargetsAtOnce) {
      const int64_t end = std::min(num_targets_, begin + kTargetsAtOnce);
      targets.resize(static_cast<size_t>(end - begin));
      std::iota(targets.begin(), targets.end(), begin);
      size_t current = 0;
      const auto finish_until = [&](size_t node) {
        for (; current < node; ++current) {
          std::sort(sources.begin(), sources.end());
          sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
          visit(targets[current], sources);
          sources.clear();
        }
      };
      GF_RETURN_IF_ERROR(
          reader_.Visit(graph_.adjacency, edge_type_, targets,
                        [&](absl::Span<const InEdgeReader::Piece> pieces, absl::Span<const int64_t>,
                            absl::Span<const int64_t> group) {
                          const int64_t* next = group.data();
                          for (const InEdgeReader::Piece& piece : pieces) {
                            finish_until(piece.node);
                            sources.insert(sources.end(), next, next + piece.count);
                            next += piece.count;
                          }
                          return absl::OkStatus();
                        }));
      finish_until(targets.size());
    }
    return absl::OkStatus();
  }

  // The number-th of the ids from 0 on that are not in `present` (ascending, distinct).
  static int64_t Missing(const std::vector<int64_t>& present, int64_t number) {
    // present[i] - i ids are missing below present[i].
    size_t low = 0;
    size_t high = present.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (present[middle] - static_cast<int64_t>(middle) <= number) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return number + static_cast<int64_t>(low);
  }

  absl::Status EnumeratePairs(NegativePairs& pairs) {
    Wide total = 0;
    GF_RETURN_IF_ERROR(VisitAllTargets([&](int64_t, const std::vector<int64_t>& sources) {
      total += static_cast<uint64_t>(num_sources_ - static_cast<int64_t>(sources.size()));
    }));
    if (total == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "'", graph_.schema.EdgeTypeName(edge_type_), "' has no pair of nodes without an edge (",
          num_sources_, " sources, ", num_targets_, " targets): no negatives can be drawn"));
    }
    const auto bound = static_cast<uint64_t>(std::min(total, Wide{UINT64_MAX}));
    // Numbers of non-edges, counted by target and then by source, with their places.
    std::vector<std::pair<uint64_t, size_t>> wanted;
    for (const size_t place : open_) {
      wanted.emplace_back(PlaceDraws(draws_, place, kNegativeTries).Below(bound), place);
    }
    std::sort(wanted.begin(), wanted.end());
    size_t next = 0;
    Wide before = 0;
    return VisitAllTargets([&](int64_t target, const std::vector<int64_t>& sources) {
      const Wide after =
          before + static_cast<uint64_t>(num_sources_ - static_cast<int64_t>(sources.size()));
      for (; next < wanted.size() && wanted[next].first < after; ++next) {
        const auto number = static_cast<int64_t>(wanted[next].first - before);
        pairs.source[wanted[next].second] = Missing(sources, number);
        pairs.target[wanted[next].second] = target;
      }
      before = after;
    });
  }

  absl::Status EnumerateTargets(NegativePairs& pairs) {
    std::map<int64_t, std::vector<int64_t>> reached;  // by source, ascending
    for (const size_t place : open_) reached[pairs.source[place]];
    GF_RETURN_IF_ERROR(VisitAllTargets([&](int64_t target, const std::vector<int64_t>& sources) {
      if (sources.size() < reached.size()) {
        for (const int64_t source : sources) {
          const auto found = reached.find(source);
          if (found != reached.end()) found->second.push_back(target);
        }
        return;
      }
      for (auto& [source, targets] : reached) {
        if (std::binary_search(sources.begin(), sources.end(), source)) targets.push_back(target);
      }
    }));
    for (const size_t place : open_) {
      const int64_t source = pairs.source[place];
      const std::vector<int64_t>& present = reached[source];
      const int64_t missing = num_targets_ - static_cast<int64_t>(present.size());
      if (missing == 0) {
        return absl::FailedPreconditionError(
            absl::StrCat("node ", source, " of '",
                         graph_.schema.node_types[graph_.schema.edge_types[edge_type_].source],
                         "' has edges of '", graph_.schema.EdgeTypeName(edge_type_), "' to all ",
                         num_targets_, " targets: no negative can be drawn for it"));
      }
      PlaceDraws draws(draws_, place, kNegativeTries);
      pairs.target[place] =
          Missing(present, static_cast<int64_t>(draws.Below(static_cast<uint64_t>(missing))));
    }
    return absl::OkStatus();
  }

  const GraphView graph_;
  const int edge_type_;
  const int64_t num_sources_;
  const int64_t num_targets_;
  const StreamDraws draws_;
  InEdgeReader reader_;
  std::vector<size_t> open_;
};

absl::Status CheckArguments(const Schema& schema, int edge_type, absl::string_view name,
                            int64_t count) {
  if (edge_type < 0 || static_cast<size_t>(edge_type) >= schema.edge_types.size() ||
      edge_type >= 1 << 16) {
    return absl::InvalidArgumentError(absl::StrCat("negatives of edge type ", edge_type,
                                                   "; the graph has ", schema.edge_types.size()));
  }
  if (count < 0) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", count, "; it must be at least 0"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SampleNegativePairs(const GraphView& graph, int edge_type, uint64_t seed,
                                 int64_t epoch, uint64_t batch, int64_t count,
                                 NegativePairs& pairs) {
  GF_RETURN_IF_ERROR(
      CheckArguments(graph.schema, edge_type, "the number of negative pairs", count));
  const CounterRandom random(seed, epoch, RandomPurpose::kNegatives);
  pairs.source.assign(static_cast<size_t>(count), 0);
  pairs.target.assign(static_cast<size_t>(count), 0);
  return NegativeSampler(graph, edge_type, random, batch, Kind::kPairs).Pairs(pairs);
}

absl::Status SampleNegativeTargets(const GraphView& graph, int edge_type, uint64_t seed,
                                   int64_t epoch, uint64_t batch, absl::Span<const int64_t> sources,
                                   int64_t per_source, std::vector<int64_t>& targets) {
  GF_RETURN_IF_ERROR(
      CheckArguments(graph.schema, edge_type, "the number of negatives of a source", per_source));
  const CounterRandom random(seed, epoch, RandomPurpose::kNegatives);
  NegativeSampler sampler(graph, edge_type, random, batch, Kind::kTargets);
  NegativePairs pairs;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] < 0 || sources[i] >= sampler.num_sources()) {
      return absl::InvalidArgumentError(
          absl::StrCat("source ", i, " is node ", sources[i], " of '",
                       graph.schema.node_types[graph.schema.edge_types[edge_type].source],
                       "', which has ", sampler.num_sources(), " nodes"));
    }
    pairs.source.insert(pairs.source.end(), static_cast<size_t>(per_source), sources[i]);
  }
  pairs.target.assign(pairs.source.size(), 0);
  GF_RETURN_IF_ERROR(sampler.Targets(pairs));
  targets = std::move(pairs.target);
  return absl::OkStatus();
}

}  // namespace graphfeed
