#ifndef GRAPHFEED_PROTO_FRAME_STRATEGY_H_
#define GRAPHFEED_PROTO_FRAME_STRATEGY_H_

// The choices of a batch spec, and their names. The values travel and are hashed: never renumber.

#include <cstdint>

#include "proto/frame/named_enum.h"

namespace graphfeed {

// How batches are made.
enum class Strategy : uint8_t {
  kPlain = 1,
  kPadToMax = 2,
  kStreamPack = 3,
  kNeighbor = 4,
  kCluster = 5,
  kPack = 6,
};

// What decides where a batch ends: a number of graphs, or their sizes, in the order of the graphs
// or looking ahead for those that fill it.
enum class Packing : uint8_t { kNone, kInOrder, kLookAhead };

template <>
struct EnumTable<Strategy> {
  struct Entry {
    Strategy value;
    const char* name;
    const char* flag;
    Packing packing;
    bool samples;  // batches are taken out of a single graph
    bool pads;     // batches have fixed sizes; sampled ones only unless they are ragged
  };
  static constexpr Entry kEntries[] = {
      {Strategy::kPlain, "plain", "plain", Packing::kNone, /*samples=*/false, /*pads=*/false},
      {Strategy::kPadToMax, "pad_to_max", "pad", Packing::kNone, /*samples=*/false, /*pads=*/true},
      // The command line has called this one "pack" before there was the other.
      {Strategy::kStreamPack, "stream_pack", "pack", Packing::kInOrder, /*samples=*/false,
       /*pads=*/true},
      {Strategy::kNeighbor, "neighbor", "neighbor", Packing::kNone, /*samples=*/true,
       /*pads=*/true},
      {Strategy::kCluster, "cluster", "cluster", Packing::kNone, /*samples=*/true, /*pads=*/true},
      {Strategy::kPack, "pack", "best-pack", Packing::kLookAhead, /*samples=*/false,
       /*pads=*/true},
  };
};

// kNone or false for what is no strategy.
constexpr Packing PackingOf(Strategy strategy) {
  return Exists(strategy) ? EnumTable<Strategy>::kEntries[IndexOf(strategy)].packing
                          : Packing::kNone;
}
constexpr bool Packs(Strategy strategy) { return PackingOf(strategy) != Packing::kNone; }
constexpr bool Samples(Strategy strategy) {
  return Exists(strategy) && EnumTable<Strategy>::kEntries[IndexOf(strategy)].samples;
}
constexpr bool Pads(Strategy strategy) {
  return Exists(strategy) && EnumTable<Strategy>::kEntries[IndexOf(strategy)].pads;
}

// What becomes of graphs and batches that do not fit.
enum class OverSize : uint8_t {
  kError = 0,
  kSkip = 1,
  kTrimNodes = 2,
  kTrimEdges = 3,
  kTrimNodesAndEdges = 4,
};

template <>
struct EnumTable<OverSize> {
  static constexpr EnumEntry<OverSize> kEntries[] = {
      {OverSize::kError, "error"},
      {OverSize::kSkip, "skip"},
      {OverSize::kTrimNodes, "trim_nodes", "trim-nodes"},
      {OverSize::kTrimEdges, "trim_edges", "trim-edges"},
      {OverSize::kTrimNodesAndEdges, "trim_nodes_and_edges", "trim"},
  };
};

// A last frame with too few batches.
enum class IncompleteStep : uint8_t { kFill = 0, kDrop = 1 };

template <>
struct EnumTable<IncompleteStep> {
  static constexpr EnumEntry<IncompleteStep> kEntries[] = {{IncompleteStep::kFill, "fill"},
                                                           {IncompleteStep::kDrop, "drop"}};
};

// What neighbour sampling keeps: the sampled edges; those and their reverses; all edges between the
// sampled nodes.
enum class SubgraphType : uint8_t { kDirectional = 0, kBidirectional = 1, kInduced = 2 };

template <>
struct EnumTable<SubgraphType> {
  static constexpr EnumEntry<SubgraphType> kEntries[] = {
      {SubgraphType::kDirectional, "directional"},
      {SubgraphType::kBidirectional, "bidirectional"},
      {SubgraphType::kInduced, "induced"},
  };
};

// Which of the neighbours that are not too late: any, or the latest.
enum class TemporalStrategy : uint8_t { kUniform = 0, kLast = 1 };

template <>
struct EnumTable<TemporalStrategy> {
  static constexpr EnumEntry<TemporalStrategy> kEntries[] = {
      {TemporalStrategy::kUniform, "uniform"}, {TemporalStrategy::kLast, "last"}};
};

// What is drawn beside seed edges: nothing, pairs, or targets for each seed edge.
enum class NegativeMode : uint8_t { kNone = 0, kBinary = 1, kTriplet = 2 };

template <>
struct EnumTable<NegativeMode> {
  static constexpr EnumEntry<NegativeMode> kEntries[] = {{NegativeMode::kNone, "none"},
                                                         {NegativeMode::kBinary, "binary"},
                                                         {NegativeMode::kTriplet, "triplet"}};
};

// What fills shards that have fewer frames than others: null frames, repeated ones; or the others'
// last frames are dropped.
enum class UnevenShards : uint8_t { kNull = 0, kRepeat = 1, kDrop = 2 };

template <>
struct EnumTable<UnevenShards> {
  static constexpr EnumEntry<UnevenShards> kEntries[] = {{UnevenShards::kNull, "null"},
                                                         {UnevenShards::kRepeat, "repeat"},
                                                         {UnevenShards::kDrop, "drop"}};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_STRATEGY_H_
