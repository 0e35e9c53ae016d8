#include "proto/wire/requests.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/graph/status_macros.h"

namespace graphfeed::wire {
namespace {

absl::Status CheckDataset(absl::string_view dataset) {
  if (dataset.empty()) return FieldError("dataset", "not set");
  return absl::OkStatus();
}

// INVALID_ARGUMENT unless 0 <= value <= max.
absl::Status CheckRange(absl::string_view field, int64_t value, int64_t max) {
  if (value >= 0 && value <= max) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value, "; 0 to ", max));
}

absl::StatusOr<std::optional<Fingerprint>> OptionalFingerprint(absl::string_view bytes) {
  if (bytes.empty()) return std::optional<Fingerprint>();
  GF_ASSIGN_OR_RETURN(const Fingerprint fingerprint, FingerprintFromProto(bytes, "fingerprint"));
  return std::optional<Fingerprint>(fingerprint);
}

template <typename Request>
absl::StatusOr<uint64_t> Seed(const Request& message) {
  if (!message.has_seed()) {
    return FieldError("seed", "not set; draw one if the user gave none, so that it is known");
  }
  return message.seed();
}

absl::Status CheckSelectionBytes(const v1::Selection& selection) {
  for (const auto& [field, bytes] :
       {std::pair("selection.ids", selection.ids().size()),
        std::pair("selection.batch_sizes", selection.batch_sizes().size())}) {
    if (bytes > kMaxSelectionBytes) {
      return FieldError(field, absl::StrCat(bytes, " bytes; at most ", kMaxSelectionBytes));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BatchSpecRequest> Spec(const v1::BatchSpec& message, bool is_set) {
  if (!is_set) return FieldError("spec", "not set");
  GF_RETURN_IF_ERROR(CheckSelectionBytes(message.selection()));
  return FromProto(message);
}

// Fills num_shards, shard_index and uneven_shards.
template <typename Message, typename Request>
absl::Status ParseShards(const Message& message, Request& request) {
  request.num_shards = message.num_shards() == 0 ? 1 : message.num_shards();
  request.shard_index = message.shard_index();
  if (request.shard_index >= request.num_shards) {
    return FieldError("shard_index",
                      absl::StrCat(request.shard_index, "; num_shards is ", request.num_shards));
  }
  GF_ASSIGN_OR_RETURN(request.uneven_shards, FromProto(message.uneven_shards()));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MaxFrameBytes(int64_t bytes) {
  if (bytes < 0) {
    return FieldError("max_frame_bytes", absl::StrCat(bytes, "; 0 to ", kMaxFrameBytes));
  }
  return bytes == 0 ? kDefaultMaxFrameBytes : std::min(bytes, kMaxFrameBytes);
}

}  // namespace

absl::StatusOr<StreamRequest> ParseRequest(const v1::StreamBatchesRequest& message) {
  StreamRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  GF_ASSIGN_OR_RETURN(request.fingerprint, OptionalFingerprint(message.fingerprint()));
  GF_ASSIGN_OR_RETURN(request.seed, Seed(message));
  request.start_epoch = message.start_epoch();
  GF_RETURN_IF_ERROR(CheckRange("start_epoch", request.start_epoch, kMaxEpoch));
  request.start_ordinal = message.start_ordinal();
  GF_RETURN_IF_ERROR(CheckRange("start_ordinal", request.start_ordinal, kMaxEpoch));
  request.num_epochs = message.num_epochs();
  GF_RETURN_IF_ERROR(CheckRange("num_epochs", request.num_epochs, kMaxEpoch));
  GF_RETURN_IF_ERROR(ParseShards(message, request));
  request.prefetch = message.prefetch();
  GF_ASSIGN_OR_RETURN(request.max_frame_bytes, MaxFrameBytes(message.max_frame_bytes()));
  if (!v1::Encoding_IsValid(message.encoding())) {
    return FieldError("encoding",
                      absl::StrCat("unknown value ", static_cast<int>(message.encoding()),
                                   "; at most ", static_cast<int>(v1::Encoding_MAX)));
  }
  GF_ASSIGN_OR_RETURN(request.spec, Spec(message.spec(), message.has_spec()));
  return request;
}

absl::StatusOr<BatchRequest> ParseRequest(const v1::GetBatchRequest& message) {
  BatchRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  GF_ASSIGN_OR_RETURN(request.fingerprint, OptionalFingerprint(message.fingerprint()));
  GF_ASSIGN_OR_RETURN(request.seed, Seed(message));
  request.epoch = message.epoch();
  GF_RETURN_IF_ERROR(CheckRange("epoch", request.epoch, kMaxEpoch));
  request.ordinal = message.ordinal();
  GF_RETURN_IF_ERROR(CheckRange("ordinal", request.ordinal, kMaxEpoch));
  GF_ASSIGN_OR_RETURN(request.max_frame_bytes, MaxFrameBytes(message.max_frame_bytes()));
  GF_ASSIGN_OR_RETURN(request.spec, Spec(message.spec(), message.has_spec()));
  return request;
}

absl::StatusOr<PlanRequest> ParseRequest(const v1::DescribePlanRequest& message) {
  PlanRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  GF_ASSIGN_OR_RETURN(request.seed, Seed(message));
  request.epoch = message.epoch();
  GF_RETURN_IF_ERROR(CheckRange("epoch", request.epoch, kMaxEpoch));
  GF_RETURN_IF_ERROR(ParseShards(message, request));
  GF_ASSIGN_OR_RETURN(request.spec, Spec(message.spec(), message.has_spec()));
  return request;
}

absl::StatusOr<EstimateRequest> ParseRequest(const v1::EstimateOptionsRequest& message) {
  EstimateRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  GF_RETURN_IF_ERROR(CheckSelectionBytes(message.selection()));
  GF_ASSIGN_OR_RETURN(request.selection, FromProto(message.selection()));
  request.batch_size = message.batch_size();
  request.sample_limit = message.sample_limit();
  if (request.sample_limit < 0) {
    return FieldError("sample_limit", absl::StrCat(request.sample_limit, "; at least 0"));
  }
  return request;
}

}  // namespace graphfeed::wire
