#include "proto/wire/status_details.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "graphfeed/v1/error.pb.h"
#include "proto/frame/error_details.h"

namespace graphfeed::wire {
namespace {

constexpr char kErrorInfo[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfo[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "graphfeed";
// The words are in `grpc-message` as well, and all metadata together has little room.
constexpr size_t kMaxWordsBytes = 500;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMostSeconds = int64_t{24} * 3600;  // that a server may have its clients wait

template <typename Message>
void AddDetail(const char* type, const Message& message, v1::ErrorStatus& to) {
  v1::ErrorStatus::Detail& detail = *to.add_details();
  detail.set_type_url(type);
  detail.set_value(message.SerializeAsString());
}

}  // namespace

std::string EncodeStatusDetails(const absl::Status& status) {
  v1::ErrorStatus message;
  if (const std::optional<StreamEnd> end = StreamEndOf(status)) {
    v1::ErrorInfo info;
    info.set_reason(std::string(NameOf(*end)));
    info.set_domain(kDomain);
    AddDetail(kErrorInfo, info, message);
  }
  if (const std::optional<absl::Duration> delay = RetryDelayOf(status)) {
    const int64_t nanos = absl::ToInt64Nanoseconds(*delay);
    v1::RetryInfo info;
    info.mutable_retry_delay()->set_seconds(nanos / kNanosPerSecond);
    info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(nanos % kNanosPerSecond));
    AddDetail(kRetryInfo, info, message);
  }
  if (message.details().empty()) return "";
  message.set_code(static_cast<int>(status.code()));
  message.set_message(std::string(status.message().substr(0, kMaxWordsBytes)));
  return message.SerializeAsString();
}

absl::Status DecodeStatusDetails(absl::Status status, absl::string_view bytes) {
  if (absl::IsUnavailable(status) && absl::StartsWith(status.message(), kIdlePrefix)) {
    status = WithStreamEnd(std::move(status), StreamEnd::kIdle);
  }
  v1::ErrorStatus message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return status;
  for (const v1::ErrorStatus::Detail& detail : message.details()) {
    v1::ErrorInfo info;
    v1::RetryInfo retry;
    if (detail.type_url() == kErrorInfo && info.ParseFromString(detail.value())) {
      const std::optional<StreamEnd> end = FromName<StreamEnd>(info.reason());
      if (info.domain() == kDomain && end.has_value()) {
        status = WithStreamEnd(std::move(status), *end);
      }
    } else if (detail.type_url() == kRetryInfo && retry.ParseFromString(detail.value())) {
      const int64_t seconds = std::clamp<int64_t>(retry.retry_delay().seconds(), 0, kMostSeconds);
      const int64_t nanos = std::clamp<int64_t>(retry.retry_delay().nanos(), 0, kNanosPerSecond);
      status = WithRetryDelay(std::move(status), absl::Seconds(seconds) + absl::Nanoseconds(nanos));
    }
  }
  return status;
}

}  // namespace graphfeed::wire
