#ifndef GRAPHFEED_STORAGE_GRAPH_GRAPH_SOURCE_H_
#define GRAPHFEED_STORAGE_GRAPH_GRAPH_SOURCE_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// Told now and then how far a long work has come: `done` of `total` in `unit`.
using ImportProgress = std::function<void(absl::string_view unit, int64_t done, int64_t total)>;

// Bytes that a source puts into a block before it starts the next one. A block holds at least one
// graph (of a single graph: one row), however large.
inline constexpr int64_t kDefaultBlockBytes = int64_t{4} << 20;

// A dataset on its way, read once from front to back in blocks that an ingest takes, whether into a
// server or straight into a data folder. Not thread-safe.
class GraphSource {
 public:
  virtual ~GraphSource() = default;

  // What the ingest declares: everything but transforms, which are the caller's.
  virtual const IngestSpec& spec() const = 0;
  // The next block, nullopt at the end. An error names file, place and value, and is final.
  virtual absl::StatusOr<std::optional<GraphBlock>> Next() = 0;
  // Graphs (of a single graph: rows) delivered so far, and in all.
  virtual int64_t done() const = 0;
  virtual int64_t total() const = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_GRAPH_SOURCE_H_
