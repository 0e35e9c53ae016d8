#include "server/batching/resolve/scalars.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/batching/algorithms.h"
#include "storage/graph/dtype.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxMicroBatches = 4096;

}  // namespace

absl::Status CheckScalars(const BatchSpec& request) {
  if (request.algorithm_version != 0 && request.algorithm_version != kAlgorithmVersion) {
    return absl::InvalidArgumentError(absl::StrCat("algorithm_version is ",
                                                   request.algorithm_version, "; this server has ",
                                                   kAlgorithmVersion));
  }
  if (!Exists(request.strategy)) {
    return absl::InvalidArgumentError(
        absl::StrCat("strategy ", static_cast<int>(request.strategy), " does not exist"));
  }
  if (!Exists(request.over_size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("over_size ", static_cast<int>(request.over_size), " does not exist"));
  }
  if (!Exists(request.incomplete_step)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "incomplete_step ", static_cast<int>(request.incomplete_step), " does not exist"));
  }
  if (request.micro_batches < 1 || request.micro_batches > kMaxMicroBatches) {
    return absl::InvalidArgumentError(absl::StrCat("micro_batches is ", request.micro_batches,
                                                   "; it is 1 to ", kMaxMicroBatches));
  }
  if (request.index_dtype != DType::kInt64 && request.index_dtype != DType::kInt32) {
    return absl::InvalidArgumentError(
        absl::StrCat("index_dtype is ", DTypeName(request.index_dtype), "; int64 or int32"));
  }
  const bool sampled = Samples(request.strategy);
  if (request.ragged && !sampled && Pads(request.strategy)) {
    return absl::InvalidArgumentError("ragged is set, but PAD_TO_MAX and STREAM_PACK pad");
  }
  if (request.sampling.has_value() && !sampled) {
    return absl::InvalidArgumentError(
        "sampling is set, but only NEIGHBOR and CLUSTER sample batches");
  }
  if (!Pads(request.strategy) || request.ragged) {
    if (request.micro_batches != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "micro_batches is ", request.micro_batches,
          "; plain batches have no fixed size and cannot be combined, so it must be 1"));
    }
    if (request.options.has_value()) {
      return absl::InvalidArgumentError("options are set, but plain batches are not padded");
    }
    if (request.over_size != OverSize::kError) {
      return absl::InvalidArgumentError("over_size is set, but plain batches have no limits");
    }
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
