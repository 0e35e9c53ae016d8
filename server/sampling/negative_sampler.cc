#include "server/sampling/negative_sampler.h"

#include <algorithm>
#include <compare>
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
                  uint64_t batch, Kind kind, const NegativeTimes* times)
      : graph_(graph),
        edge_type_(edge_type),
        num_sources_(graph.adjacency.NumNodes(graph.schema.edge_types[edge_type].source)),
        num_targets_(graph.adjacency.NumNodes(graph.schema.edge_types[edge_type].target)),
        times_(times),
        draws_(random, batch,
               static_cast<uint32_t>(kind) << 16 | static_cast<uint32_t>(edge_type)) {}

  absl::Status Pairs(NegativePairs& pairs) {
    SetBounds(pairs.target.size(), /*bound_sources=*/true);
    GF_RETURN_IF_ERROR(Try(/*draw_sources=*/true, pairs));
    for (const auto& [bounds, places] : OpenByBounds()) {
      GF_RETURN_IF_ERROR(EnumeratePairs(bounds, places, pairs));
    }
    return absl::OkStatus();
  }

  // pairs.source is given.
  absl::Status Targets(NegativePairs& pairs) {
    SetBounds(pairs.target.size(), /*bound_sources=*/false);
    GF_RETURN_IF_ERROR(Try(/*draw_sources=*/false, pairs));
    for (const auto& [bounds, places] : OpenByBounds()) {
      GF_RETURN_IF_ERROR(EnumerateTargets(bounds, places, pairs));
    }
    return absl::OkStatus();
  }

  int64_t num_sources() const { return num_sources_; }

 private:
  // A place's ends have numbers below these: ids, or those of the nodes' times.
  struct Bounds {
    int64_t sources;
    int64_t targets;
    auto operator<=>(const Bounds&) const = default;  // NOLINT(modernize-use-nullptr)
  };

  int64_t Source(int64_t number) const { return times_ ? times_->sources->Node(number) : number; }
  int64_t Target(int64_t number) const { return times_ ? times_->targets->Node(number) : number; }
  int64_t NumberOfSource(int64_t source) const {
    return times_ ? times_->sources->NumberOf(source) : source;
  }

  void SetBounds(size_t places, bool bound_sources) {
    bounds_.assign(places, {num_sources_, num_targets_});
    if (times_ == nullptr) return;
    for (size_t i = 0; i < places; ++i) {
      if (bound_sources) bounds_[i].sources = times_->sources->CountUntil(times_->latest[i]);
      bounds_[i].targets = times_->targets->CountUntil(times_->latest[i]);
    }
  }

  std::map<Bounds, std::vector<size_t>> OpenByBounds() const {
    std::map<Bounds, std::vector<size_t>> open;
    for (const size_t place : open_) open[bounds_[place]].push_back(place);
    return open;
  }

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
        const Bounds& bounds = bounds_[open_[i]];
        uint64_t source = 0;
        uint64_t target = 0;
        const auto draw = [](uint64_t low, uint64_t high, int64_t bound, uint64_t& number) {
          return bound > 0 && Reduce(low | high << 32, static_cast<uint64_t>(bound), number);
        };
        if ((draw_sources && !draw(words[0], words[1], bounds.sources, source)) ||
            !draw(words[2], words[3], bounds.targets, target)) {
          is_edge[i] = 1;
        }
        if (draw_sources) pairs.source[open_[i]] = Source(static_cast<int64_t>(source));
        pairs.target[open_[i]] = Target(static_cast<int64_t>(target));
        targets.push_back(pairs.target[open_[i]]);
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

  // Calls `visit(target, sources)` for the numbers of all targets within the bounds in their order,
  // `sources` being the distinct numbers of the sources of its in-edges within them, ascending.
  template <typename Visit>
  absl::Status VisitTargets(const Bounds& bounds, Visit visit) {
    std::vector<int64_t> targets;
    std::vector<int64_t> sources;  // of the target that is being read
    for (int64_t begin = 0; begin < bounds.targets; begin += kTargetsAtOnce) {
      const int64_t end = std::min(bounds.targets, begin + kTargetsAtOnce);
      targets.clear();
      for (int64_t number = begin; number < end; ++number) targets.push_back(Target(number));
      size_t current = 0;
      const auto finish_until = [&](size_t node) {
        for (; current < node; ++current) {
          std::sort(sources.begin(), sources.end());
          sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
          visit(begin + static_cast<int64_t>(current), sources);
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
                            for (const int64_t* last = next + piece.count; next < last; ++next) {
                              const int64_t source = NumberOfSource(*next);
                              if (source < bounds.sources) sources.push_back(source);
                            }
                          }
                          return absl::OkStatus();
                        }));
      finish_until(targets.size());
    }
    return absl::OkStatus();
  }

  // The number-th of the numbers from 0 on that are not in `present` (ascending, distinct).
  static int64_t Missing(const std::vector<int64_t>& present, int64_t number) {
    // present[i] - i numbers are missing below present[i].
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

  absl::Status EnumeratePairs(const Bounds& bounds, const std::vector<size_t>& places,
                              NegativePairs& pairs) {
    Wide total = 0;
    GF_RETURN_IF_ERROR(VisitTargets(bounds, [&](int64_t, const std::vector<int64_t>& sources) {
      total += static_cast<uint64_t>(bounds.sources - static_cast<int64_t>(sources.size()));
    }));
    if (total == 0 && times_ != nullptr && num_sources_ > 0 && num_targets_ > 0) {
      for (const size_t place : places) {
        PlaceDraws draws(draws_, place, kNegativeTries);
        pairs.source[place] = Earliest(*times_->sources, num_sources_, draws);
        pairs.target[place] = Earliest(*times_->targets, num_targets_, draws);
      }
      return absl::OkStatus();
    }
    if (total == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "'", graph_.schema.EdgeTypeName(edge_type_), "' has no pair of nodes without an edge (",
          num_sources_, " sources, ", num_targets_, " targets): no negatives can be drawn"));
    }
    const auto bound = static_cast<uint64_t>(std::min(total, Wide{UINT64_MAX}));
    // Numbers of non-edges, counted by target and then by source, with their places.
    std::vector<std::pair<uint64_t, size_t>> wanted;
    for (const size_t place : places) {
      wanted.emplace_back(PlaceDraws(draws_, place, kNegativeTries).Below(bound), place);
    }
    std::sort(wanted.begin(), wanted.end());
    size_t next = 0;
    Wide before = 0;
    return VisitTargets(bounds, [&](int64_t target, const std::vector<int64_t>& sources) {
      const Wide after =
          before + static_cast<uint64_t>(bounds.sources - static_cast<int64_t>(sources.size()));
      for (; next < wanted.size() && wanted[next].first < after; ++next) {
        const auto number = static_cast<int64_t>(wanted[next].first - before);
        pairs.source[wanted[next].second] = Source(Missing(sources, number));
        pairs.target[wanted[next].second] = Target(target);
      }
      before = after;
    });
  }

  absl::Status EnumerateTargets(const Bounds& bounds, const std::vector<size_t>& places,
                                NegativePairs& pairs) {
    // Targets by source, ascending; numbers of both.
    std::map<int64_t, std::vector<int64_t>> reached;
    for (const size_t place : places) reached[NumberOfSource(pairs.source[place])];
    GF_RETURN_IF_ERROR(
        VisitTargets(bounds, [&](int64_t target, const std::vector<int64_t>& sources) {
          if (sources.size() < reached.size()) {
            for (const int64_t source : sources) {
              const auto found = reached.find(source);
              if (found != reached.end()) found->second.push_back(target);
            }
            return;
          }
          for (auto& [source, targets] : reached) {
            if (std::binary_search(sources.begin(), sources.end(), source))
              targets.push_back(target);
          }
        }));
    for (const size_t place : places) {
      const int64_t source = pairs.source[place];
      const std::vector<int64_t>& present = reached[NumberOfSource(source)];
      const int64_t missing = bounds.targets - static_cast<int64_t>(present.size());
      PlaceDraws draws(draws_, place, kNegativeTries);
      if (missing == 0 && times_ != nullptr && num_targets_ > 0) {
        pairs.target[place] = Earliest(*times_->targets, num_targets_, draws);
        continue;
      }
      if (missing == 0) {
        return absl::FailedPreconditionError(
            absl::StrCat("node ", source, " of '",
                         graph_.schema.node_types[graph_.schema.edge_types[edge_type_].source],
                         "' has edges of '", graph_.schema.EdgeTypeName(edge_type_), "' to all ",
                         num_targets_, " targets: no negative can be drawn for it"));
      }
      pairs.target[place] = Target(
          Missing(present, static_cast<int64_t>(draws.Below(static_cast<uint64_t>(missing)))));
    }
    return absl::OkStatus();
  }

  // What is left where nothing is early enough.
  static int64_t Earliest(const TimeOrder& order, int64_t num_nodes, PlaceDraws& draws) {
    return order.timed() ? order.Node(0)
                         : static_cast<int64_t>(draws.Below(static_cast<uint64_t>(num_nodes)));
  }

  const GraphView graph_;
  const int edge_type_;
  const int64_t num_sources_;
  const int64_t num_targets_;
  const NegativeTimes* const times_;  // null: times do not matter
  const StreamDraws draws_;
  InEdgeReader reader_;
  std::vector<Bounds> bounds_;  // by place
  std::vector<size_t> open_;
};

CounterRandom RandomOf(uint64_t seed, int64_t epoch, const NegativeTimes* times) {
  return CounterRandom(seed, epoch, RandomPurpose::kNegatives,
                       times == nullptr ? kAlgorithms.negatives : kAlgorithms.timed_negatives);
}

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
                                 int64_t epoch, uint64_t batch, int64_t count, NegativePairs& pairs,
                                 const NegativeTimes* times) {
  GF_RETURN_IF_ERROR(
      CheckArguments(graph.schema, edge_type, "the number of negative pairs", count));
  const CounterRandom random = RandomOf(seed, epoch, times);
  pairs.source.assign(static_cast<size_t>(count), 0);
  pairs.target.assign(static_cast<size_t>(count), 0);
  return NegativeSampler(graph, edge_type, random, batch, Kind::kPairs, times).Pairs(pairs);
}

absl::Status SampleNegativeTargets(const GraphView& graph, int edge_type, uint64_t seed,
                                   int64_t epoch, uint64_t batch, absl::Span<const int64_t> sources,
                                   int64_t per_source, std::vector<int64_t>& targets,
                                   const NegativeTimes* times) {
  GF_RETURN_IF_ERROR(
      CheckArguments(graph.schema, edge_type, "the number of negatives of a source", per_source));
  const CounterRandom random = RandomOf(seed, epoch, times);
  NegativeSampler sampler(graph, edge_type, random, batch, Kind::kTargets, times);
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
