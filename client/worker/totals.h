#ifndef GRAPHFEED_CLIENT_WORKER_TOTALS_H_
#define GRAPHFEED_CLIENT_WORKER_TOTALS_H_

#include <cstdint>

#include "client/flags/json.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"

namespace graphfeed {

// A global position: all ordinals of `epoch` below `ordinal` are consumed, by all shards.
struct Position {
  int64_t epoch = 0;
  int64_t ordinal = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

// What a run has consumed, over all its restarts: a checkpoint holds them.
struct Totals {
  int64_t steps = 0;
  int64_t batches = 0;       // with something in them
  int64_t null_batches = 0;  // that only fill up
  int64_t samples = 0;       // real graphs; of sampled batches seeds
  int64_t real_nodes = 0;
  int64_t padding_nodes = 0;
  int64_t real_edges = 0;
  int64_t padding_edges = 0;

  // A frame that was consumed in one step.
  void Add(const Layout& layout, const FrameInfo& frame);
  void Add(const Totals& other);

  friend bool operator==(const Totals&, const Totals&) = default;

  // visit(name, member) for each counter.
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    visit("steps", &Totals::steps);
    visit("batches", &Totals::batches);
    visit("null_batches", &Totals::null_batches);
    visit("samples", &Totals::samples);
    visit("real_nodes", &Totals::real_nodes);
    visit("padding_nodes", &Totals::padding_nodes);
    visit("real_edges", &Totals::real_edges);
    visit("padding_edges", &Totals::padding_edges);
  }
};

Json ToJson(const Totals& totals);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_TOTALS_H_
