#ifndef GRAPHFEED_SERVER_SAMPLING_GRAPH_VIEW_H_
#define GRAPHFEED_SERVER_SAMPLING_GRAPH_VIEW_H_

#include "storage/graph/feature_store.h"
#include "storage/graph/graph_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A single graph as samplers see it. All refer to what must outlive the view and its copies.
struct GraphView {
  const Schema& schema;
  GraphStore& adjacency;   // who is whose neighbour
  FeatureStore& features;  // what nodes and edges carry: times, weights
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_GRAPH_VIEW_H_
