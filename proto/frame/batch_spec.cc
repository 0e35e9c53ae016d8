#include "proto/frame/batch_spec.h"

namespace graphfeed {

int64_t Selection::size(int64_t num_graphs) const {
  switch (kind) {
    case Kind::kAll:
      return num_graphs;
    case Kind::kRange:
      return stop - start;
    case Kind::kIds:
      return static_cast<int64_t>(ids.size());
  }
  return 0;
}

}  // namespace graphfeed
