#ifndef GRAPHFEED_PROTO_WIRE_LIMITS_H_
#define GRAPHFEED_PROTO_WIRE_LIMITS_H_

#include <cstddef>
#include <cstdint>

// What messages may be, in one place: whoever sends stays below what receivers take.

namespace graphfeed::wire {

// Epoch numbers end here, so that counting on never overflows.
inline constexpr int64_t kMaxEpoch = int64_t{1} << 53;

// The largest message that a server takes, and the largest record of a version file: a block of an
// ingest that holds one graph or row.
inline constexpr int kMaxMessageBytes = 64 << 20;
// Of one graph or row in it: names, shapes and sizes need the rest.
inline constexpr int64_t kMaxBlockBytes = int64_t{60} << 20;
static_assert(kMaxBlockBytes < kMaxMessageBytes);
// Of a block of several, which clients cut so that neither side holds much.
inline constexpr int64_t kTargetBlockBytes = int64_t{4} << 20;

// Everything of a frame but its payload, which is small: some ten bytes for each micro-batch and
// type. Bounds what a length alone can make a receiver reserve.
inline constexpr int kMaxFrameHeaderBytes = 16 << 20;
// Frames and their headers stay below 2 GiB, the limit of a protobuf message.
inline constexpr int64_t kMaxFrameBytes = (int64_t{2} << 30) - kMaxFrameHeaderBytes;
inline constexpr int64_t kDefaultMaxFrameBytes = int64_t{256} << 20;

// Of all requests but those of an Ingest.
inline constexpr int64_t kMaxRequestBytes = int64_t{32} << 20;
// Of a page of a list of datasets, if it holds more than one.
inline constexpr size_t kListPageBytes = size_t{1} << 20;

// Of Selection.ids and every other list that is coded like it: a byte of code can be eight bytes of
// memory.
inline constexpr size_t kMaxSelectionBytes = 16 << 20;

// Of a worker's report: names, keys of its maps and their entries. Of the time to the next one.
inline constexpr size_t kMaxWorkerNameBytes = 256;
inline constexpr size_t kMaxWorkerKeyBytes = 64;
inline constexpr size_t kMaxWorkerEntries = 32;
inline constexpr int64_t kMaxReportIntervalMs = int64_t{24} * 3600 * 1000;

// What a server says of itself: words and how many of them.
inline constexpr size_t kMaxServerInfoWordBytes = 256;
inline constexpr int kMaxServerInfoEntries = 1000;

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_LIMITS_H_
