#include "client/worker/totals.h"

#include "storage/base/arithmetic.h"

namespace graphfeed {

void Totals::Add(const Layout& layout, const FrameInfo& frame) {
  ++steps;
  for (const Counts& real : frame.real) {
    const bool null_batch = frame.null_frame || real.graphs == 0;
    (null_batch ? null_batches : batches) += 1;
    // A repeated frame is run, but its samples have been counted.
    if (!null_batch && !frame.repeat) samples += real.seeds > 0 ? real.seeds : real.graphs;
    const int64_t nodes = null_batch ? 0 : Sum(real.nodes);
    const int64_t edges = null_batch ? 0 : Sum(real.edges);
    real_nodes += nodes;
    real_edges += edges;
    if (layout.ragged) continue;
    padding_nodes += Sum(layout.padded.nodes) - nodes;
    padding_edges += Sum(layout.padded.edges) - edges;
  }
}

void Totals::Add(const Totals& other) {
  Visit([&](const char* /*name*/, auto member) { this->*member += other.*member; });
}

Json ToJson(const Totals& totals) {
  Json json = Json::object();
  Totals::Visit([&](const char* name, auto member) { json[name] = totals.*member; });
  return json;
}

}  // namespace graphfeed
