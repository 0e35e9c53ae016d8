#include "client/cpp/rpc/requests.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

std::string Bytes(const std::optional<Fingerprint>& fingerprint) {
  if (!fingerprint.has_value()) return "";
  return std::string(fingerprint->begin(), fingerprint->end());
}

absl::Status ReadBytes(absl::string_view field, const std::string& bytes, Fingerprint& value) {
  if (bytes.size() != value.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " has ", bytes.size(), " bytes, not ", value.size()));
  }
  std::copy(bytes.begin(), bytes.end(), value.begin());
  return absl::OkStatus();
}

absl::Status CheckShards(const StreamOptions& options) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  if (options.num_shards < 1 || options.num_shards > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_shards is ", options.num_shards, "; it is between 1 and ", kMost));
  }
  if (options.shard_index < 0 || options.shard_index >= options.num_shards) {
    return absl::InvalidArgumentError(absl::StrCat("shard_index is ", options.shard_index,
                                                   "; num_shards is ", options.num_shards));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::StreamBatchesRequest> MakeStreamRequest(const StreamOptions& options,
                                                           Encoding encoding,
                                                           int64_t max_frame_bytes) {
  GF_RETURN_IF_ERROR(CheckShards(options));
  v1::StreamBatchesRequest request;
  request.set_dataset(options.dataset);
  request.set_fingerprint(Bytes(options.fingerprint));
  *request.mutable_spec() = wire::ToProto(options.spec);
  request.set_seed(options.seed);
  request.set_start_epoch(options.start_epoch);
  request.set_start_ordinal(options.start_ordinal);
  request.set_num_epochs(options.num_epochs);
  request.set_num_shards(static_cast<uint32_t>(options.num_shards));
  request.set_shard_index(static_cast<uint32_t>(options.shard_index));
  request.set_uneven_shards(wire::ToProto(options.uneven_shards));
  request.set_prefetch(options.prefetch);
  request.set_max_frame_bytes(max_frame_bytes);
  request.set_encoding(wire::ToProto(encoding));
  request.set_graph_ids(options.graph_ids);
  return request;
}

void AskForMemory(const std::string& token, uint32_t held_frames,
                  v1::StreamBatchesRequest& request) {
  request.set_passage_token(token);
  request.set_held_frames(held_frames);
  request.set_passage_messages(true);
}

v1::GetBatchRequest MakeGetBatchRequest(const StreamOptions& options, int64_t epoch,
                                        int64_t ordinal, int64_t max_frame_bytes) {
  v1::GetBatchRequest request;
  request.set_dataset(options.dataset);
  request.set_fingerprint(Bytes(options.fingerprint));
  *request.mutable_spec() = wire::ToProto(options.spec);
  request.set_seed(options.seed);
  request.set_epoch(epoch);
  request.set_ordinal(ordinal);
  request.set_max_frame_bytes(max_frame_bytes);
  request.set_graph_ids(options.graph_ids);
  return request;
}

v1::EstimateOptionsRequest MakeSizeEstimateRequest(const SizeEstimateRequest& estimate) {
  v1::EstimateOptionsRequest request;
  request.set_dataset(estimate.dataset);
  *request.mutable_spec() = wire::ToProto(estimate.spec);
  request.mutable_spec()->clear_options();
  request.set_seed(estimate.seed);
  request.set_epoch(estimate.epoch);
  request.set_quantile(estimate.quantile);
  request.set_sample_limit(estimate.sample_limit);
  return request;
}

v1::EstimateOptionsRequest MakeChoiceRequest(const BatchSpec& spec, const SizeTarget& target) {
  v1::EstimateOptionsRequest request;
  *request.mutable_spec() = wire::ToProto(spec);
  request.mutable_spec()->clear_options();
  request.mutable_spec()->clear_batch_size();
  request.mutable_spec()->clear_sample_limit();
  *request.mutable_best() = wire::ToProto(target);
  return request;
}

absl::StatusOr<v1::DescribePlanRequest> MakePlanRequest(const StreamOptions& options) {
  GF_RETURN_IF_ERROR(CheckShards(options));
  v1::DescribePlanRequest request;
  request.set_dataset(options.dataset);
  *request.mutable_spec() = wire::ToProto(options.spec);
  request.set_seed(options.seed);
  request.set_epoch(options.start_epoch);
  request.set_num_shards(static_cast<uint32_t>(options.num_shards));
  request.set_shard_index(static_cast<uint32_t>(options.shard_index));
  request.set_uneven_shards(wire::ToProto(options.uneven_shards));
  return request;
}

absl::StatusOr<PlanDescription> FromResponse(const v1::DescribePlanResponse& response) {
  PlanDescription description;
  GF_ASSIGN_OR_RETURN(description.plan, wire::FromProto(response.plan()));
  GF_ASSIGN_OR_RETURN(description.resolved_spec, wire::FromProto(response.resolved_spec()));
  GF_ASSIGN_OR_RETURN(description.layout, wire::FromProto(response.layout()));
  description.graphs_per_batch.assign(response.graphs_per_batch().begin(),
                                      response.graphs_per_batch().end());
  GF_RETURN_IF_ERROR(ReadBytes("fingerprint", response.fingerprint(), description.fingerprint));
  GF_RETURN_IF_ERROR(ReadBytes("spec_digest", response.spec_digest(), description.spec_digest));
  return description;
}

}  // namespace graphfeed
