#include "proto/frame/error_details.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

constexpr char kStreamEnd[] = "graphfeed/stream-end";
constexpr char kRetryDelay[] = "graphfeed/retry-delay-ms";

std::optional<std::string> Detail(const absl::Status& status, const char* name) {
  const auto payload = status.GetPayload(name);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

}  // namespace

absl::Status WithStreamEnd(absl::Status status, StreamEnd why) {
  status.SetPayload(kStreamEnd, absl::Cord(NameOf(why)));
  return status;
}

std::optional<StreamEnd> StreamEndOf(const absl::Status& status) {
  const std::optional<std::string> name = Detail(status, kStreamEnd);
  return name.has_value() ? FromName<StreamEnd>(*name) : std::nullopt;
}

absl::Status WithRequestId(absl::Status status, absl::string_view id) {
  constexpr size_t kMostBytes = 128;
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 127; });
  if (plain && !id.empty() && id.size() <= kMostBytes) {
    status.SetPayload(kRequestIdUrl, absl::Cord(id));
  }
  return status;
}

std::string RequestIdOf(const absl::Status& status) {
  return Detail(status, kRequestIdUrl).value_or("");
}

std::string MessageWithRequestId(const absl::Status& status) {
  const std::string id = RequestIdOf(status);
  if (id.empty()) return std::string(status.message());
  return absl::StrCat(status.message(), " [request ", id, "]");
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryDelay, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
  return status;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const std::optional<std::string> text = Detail(status, kRetryDelay);
  int64_t milliseconds = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &milliseconds)) return std::nullopt;
  return absl::Milliseconds(std::max<int64_t>(milliseconds, 0));
}

}  // namespace graphfeed
