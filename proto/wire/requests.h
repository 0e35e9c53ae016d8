#ifndef GRAPHFEED_PROTO_WIRE_REQUESTS_H_
#define GRAPHFEED_PROTO_WIRE_REQUESTS_H_

// Requests about batches, checked whole as far as that is possible without the dataset. A parsed
// request is in range in itself; INVALID_ARGUMENT names field, value and limit otherwise.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/size_choice.h"
#include "proto/frame/stream_info.h"
#include "proto/wire/limits.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed::wire {

struct StreamRequest {
  std::string dataset;
  std::optional<Fingerprint> fingerprint;
  BatchSpec spec;
  uint64_t seed = 0;
  int64_t start_epoch = 0;
  int64_t start_ordinal = 0;
  int64_t num_epochs = 0;  // 0: until cancelled
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  UnevenShards uneven_shards = UnevenShards::kNull;
  uint32_t prefetch = 0;  // 0: the server's default
  Encoding encoding = Encoding::kDense;
  int64_t max_frame_bytes = kDefaultMaxFrameBytes;
  std::string passage_token;  // empty: no memory is shared
  uint32_t held_frames = 0;
  bool passage_messages = false;
  bool graph_ids = false;  // not with a sampled spec
};
absl::StatusOr<StreamRequest> ParseRequest(const v1::StreamBatchesRequest& message);

struct BatchRequest {
  std::string dataset;
  std::optional<Fingerprint> fingerprint;
  BatchSpec spec;
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t ordinal = 0;
  int64_t max_frame_bytes = kDefaultMaxFrameBytes;
  bool graph_ids = false;  // not with a sampled spec
};
absl::StatusOr<BatchRequest> ParseRequest(const v1::GetBatchRequest& message);

struct PlanRequest {
  std::string dataset;
  BatchSpec spec;
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  UnevenShards uneven_shards = UnevenShards::kNull;
};
absl::StatusOr<PlanRequest> ParseRequest(const v1::DescribePlanRequest& message);

struct SizeEstimateRequest {
  std::string dataset;
  Selection selection;
  int64_t batch_size = 0;
  int64_t sample_limit = 0;
  // Sampled batches (kNeighbor, kCluster), instead of selection and batch_size; with a target
  // batches of a strategy that pads whole graphs.
  std::optional<BatchSpec> spec;
  std::optional<SizeTarget> best;
  uint64_t seed = 0;
  int64_t epoch = 0;
  double quantile = 1;  // in (0, 1]
};
absl::StatusOr<SizeEstimateRequest> ParseRequest(const v1::EstimateOptionsRequest& message);

struct PartitionRequest {
  std::string dataset;
  int64_t num_parts = 0;  // at least 1
  uint64_t seed = 0;
  std::string column = "partition";
};
absl::StatusOr<PartitionRequest> ParseRequest(const v1::PartitionDatasetRequest& message);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_REQUESTS_H_
