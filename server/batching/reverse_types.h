#ifndef GRAPHFEED_SERVER_BATCHING_REVERSE_TYPES_H_
#define GRAPHFEED_SERVER_BATCHING_REVERSE_TYPES_H_

#include <vector>

#include "storage/graph/schema.h"

namespace graphfeed {

// By edge type the one that holds the reverses of its edges, as PyG pairs them: (t, "rev_" + r, s)
// for (s, r, t) and the other way round; if that does not exist the edge type itself where s = t,
// else the only edge type from t to s, unless it is another one's by name; -1 if there is none.
std::vector<int> ReverseEdgeTypes(const Schema& schema);

// Whether the reverse of an edge type is another one that is not named for it.
bool HasUnnamedReverse(const Schema& schema, int edge_type);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_REVERSE_TYPES_H_
