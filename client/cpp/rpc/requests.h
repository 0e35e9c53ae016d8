#ifndef GRAPHFEED_CLIENT_CPP_RPC_REQUESTS_H_
#define GRAPHFEED_CLIENT_CPP_RPC_REQUESTS_H_

// The client's options as requests. INVALID_ARGUMENT for what the wire cannot carry; everything
// else is the server's to judge.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"

namespace graphfeed {

absl::StatusOr<v1::StreamBatchesRequest> MakeStreamRequest(const StreamOptions& options,
                                                           Encoding encoding,
                                                           int64_t max_frame_bytes);
// `token` is that of a SlabPassage.
void AskForMemory(const std::string& token, uint32_t held_frames,
                  v1::StreamBatchesRequest& request);
v1::GetBatchRequest MakeGetBatchRequest(const StreamOptions& options, int64_t epoch,
                                        int64_t ordinal, int64_t max_frame_bytes);
v1::EstimateOptionsRequest MakeSizeEstimateRequest(const SizeEstimateRequest& estimate);
absl::StatusOr<v1::DescribePlanRequest> MakePlanRequest(const StreamOptions& options);

absl::StatusOr<PlanDescription> FromResponse(const v1::DescribePlanResponse& response);

// What has been read of an answer: one that cannot be read is not the caller's mistake, DATA_LOSS.
template <typename T>
absl::StatusOr<T> ReadAnswer(absl::StatusOr<T> value) {
  if (value.ok()) return value;
  return absl::DataLossError(absl::StrCat("the server's answer: ", value.status().message()));
}

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RPC_REQUESTS_H_
