#include "proto/wire/requests.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/enums.h"
#include "proto/wire/known_fields.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

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

// Coded lists, before they are decoded.
absl::Status CheckListBytes(
    std::initializer_list<std::pair<const char*, const std::string&>> lists) {
  for (const auto& [field, code] : lists) {
    if (code.size() > kMaxSelectionBytes) {
      return FieldError(field, absl::StrCat(code.size(), " bytes; at most ", kMaxSelectionBytes));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSelectionBytes(const v1::Selection& selection) {
  return CheckListBytes(
      {{"selection.ids", selection.ids()}, {"selection.batch_sizes", selection.batch_sizes()}});
}

absl::Status CheckSamplingBytes(const v1::Sampling& sampling) {
  return CheckListBytes({{"sampling.input_time", sampling.input_time()},
                         {"sampling.links.sources", sampling.links().sources()},
                         {"sampling.links.targets", sampling.links().targets()},
                         {"sampling.links.labels", sampling.links().labels()},
                         {"sampling.links.float_labels", sampling.links().float_labels()}});
}

absl::StatusOr<BatchSpec> Spec(const v1::BatchSpec& message, bool is_set) {
  if (!is_set) return FieldError("spec", "not set");
  GF_RETURN_IF_ERROR(CheckKnownFields(message, "spec"));
  GF_RETURN_IF_ERROR(CheckSelectionBytes(message.selection()));
  GF_RETURN_IF_ERROR(CheckSamplingBytes(message.sampling()));
  return FromProto(message);
}

// A share of batches; 0 is all of them.
absl::StatusOr<double> Quantile(double value) {
  if (value == 0) return 1.0;
  if (value > 0 && value <= 1) return value;
  return FieldError("quantile", absl::StrCat(value, "; above 0, at most 1"));
}

// That sizes can be chosen for the spec, and that nothing else is asked for.
absl::Status CheckChoice(const v1::EstimateOptionsRequest& message,
                         const SizeEstimateRequest& request) {
  const Strategy strategy = request.spec->strategy;
  if (!Pads(strategy) || Samples(strategy)) {
    return FieldError("spec.strategy", absl::StrCat(v1::Strategy_Name(message.spec().strategy()),
                                                    "; PAD_TO_MAX, STREAM_PACK or PACK"));
  }
  if (request.sample_limit != 0) {
    return FieldError("sample_limit",
                      absl::StrCat(request.sample_limit, "; not together with best"));
  }
  if (request.quantile != 1) {
    return FieldError("quantile", absl::StrCat(request.quantile, "; not together with best"));
  }
  if (!request.spec->selection.batch_sizes.empty()) {
    return FieldError("spec.selection.batch_sizes", "not together with best, which cuts batches");
  }
  return absl::OkStatus();
}

// The part of an EstimateOptionsRequest that is about batches of a spec.
absl::Status ParseSpecSizes(const v1::EstimateOptionsRequest& message,
                            SizeEstimateRequest& request) {
  GF_ASSIGN_OR_RETURN(request.quantile, Quantile(message.quantile()));
  request.seed = message.seed();
  request.epoch = message.epoch();
  GF_RETURN_IF_ERROR(CheckRange("epoch", request.epoch, kMaxEpoch));
  if (message.has_best()) {
    GF_ASSIGN_OR_RETURN(request.best, FromProto(message.best()));
    if (!message.has_spec()) return FieldError("spec", "not set; best needs it");
  }
  if (!message.has_spec()) {
    if (request.quantile == 1) return absl::OkStatus();
    return FieldError(
        "quantile", absl::StrCat(request.quantile, "; only of sampled batches, which need a spec"));
  }
  if (message.batch_size() != 0) {
    return FieldError("batch_size",
                      absl::StrCat(message.batch_size(), "; not together with spec, which has it"));
  }
  if (request.selection.kind != Selection::Kind::kAll || !request.selection.batch_sizes.empty()) {
    return FieldError("selection", "not together with spec, which has it");
  }
  GF_ASSIGN_OR_RETURN(request.spec, Spec(message.spec(), /*is_set=*/true));
  if (request.best.has_value()) return CheckChoice(message, request);
  if (!Samples(request.spec->strategy)) {
    return FieldError("spec.strategy", absl::StrCat(v1::Strategy_Name(message.spec().strategy()),
                                                    "; NEIGHBOR or CLUSTER"));
  }
  return absl::OkStatus();
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

absl::Status CheckGraphIds(bool graph_ids, const BatchSpec& spec) {
  if (!graph_ids || !Samples(spec.strategy)) return absl::OkStatus();
  return FieldError("graph_ids", "not with NEIGHBOR or CLUSTER, whose batches have n_id, input_id");
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
  GF_ASSIGN_OR_RETURN(request.encoding, FromProto(message.encoding()));
  request.passage_token = message.passage_token();
  request.held_frames = message.held_frames();
  request.passage_messages = message.passage_messages();
  GF_ASSIGN_OR_RETURN(request.spec, Spec(message.spec(), message.has_spec()));
  request.graph_ids = message.graph_ids();
  GF_RETURN_IF_ERROR(CheckGraphIds(request.graph_ids, request.spec));
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
  request.graph_ids = message.graph_ids();
  GF_RETURN_IF_ERROR(CheckGraphIds(request.graph_ids, request.spec));
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

absl::StatusOr<SizeEstimateRequest> ParseRequest(const v1::EstimateOptionsRequest& message) {
  SizeEstimateRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  GF_RETURN_IF_ERROR(CheckSelectionBytes(message.selection()));
  GF_ASSIGN_OR_RETURN(request.selection, FromProto(message.selection()));
  request.batch_size = message.batch_size();
  request.sample_limit = message.sample_limit();
  if (request.sample_limit < 0) {
    return FieldError("sample_limit", absl::StrCat(request.sample_limit, "; at least 0"));
  }
  GF_RETURN_IF_ERROR(ParseSpecSizes(message, request));
  return request;
}

absl::StatusOr<PartitionRequest> ParseRequest(const v1::PartitionDatasetRequest& message) {
  PartitionRequest request;
  request.dataset = message.dataset();
  GF_RETURN_IF_ERROR(CheckDataset(request.dataset));
  request.num_parts = message.num_parts();
  if (request.num_parts < 1) {
    return FieldError("num_parts", absl::StrCat(request.num_parts, "; at least 1"));
  }
  request.seed = message.seed();
  if (!message.column().empty()) request.column = message.column();
  return request;
}

}  // namespace graphfeed::wire
