#ifndef GRAPHFEED_STORAGE_PARTITION_METIS_PROTOCOL_H_
#define GRAPHFEED_STORAGE_PARTITION_METIS_PROTOCOL_H_

#include <cstdint>

namespace graphfeed {

// What a program and the graphfeed-partition that it started say to each other over a socket. Both
// run on one machine and are of one build: numbers are in its byte order.

// Of this build's conversation; another number is another build's program.
inline constexpr uint64_t kMetisMagic = 0x6766'7061'7274'0001;

// Followed by the edges, twice: for each two int32_t, ids of nodes.
struct MetisRequest {
  uint64_t magic = kMetisMagic;
  int64_t num_nodes = 0;
  int64_t num_edges = 0;
  int64_t num_parts = 0;
  uint64_t seed = 0;
};

enum class MetisResult : int64_t {
  kParts,         // followed by an int32_t for each node
  kNoMemory,      // more than it may have
  kTooManyEnds,   // `detail` ends of undirected edges, which its indices cannot count
  kFailed,        // METIS returned `detail`
  kOtherProgram,  // of another build, whose magic number is `detail`
};

struct MetisReply {
  MetisResult result = MetisResult::kParts;
  int64_t detail = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_PARTITION_METIS_PROTOCOL_H_
