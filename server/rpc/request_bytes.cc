#include "server/rpc/request_bytes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "server/rpc/message_bytes.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

absl::StatusOr<std::shared_ptr<RequestBytes>> RequestBytes::Admit(const Call& call,
                                                                  const grpc::ByteBuffer& bytes) {
  call.Received(bytes.Length());
  GF_RETURN_IF_ERROR(call.CheckAdmitted());
  const auto size = static_cast<int64_t>(bytes.Length());
  if (size > wire::kMaxRequestBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request has ", size, " bytes; at most ", wire::kMaxRequestBytes));
  }
  std::shared_ptr<RequestBytes> request(new RequestBytes(call.requests(), bytes));
  GF_RETURN_IF_ERROR(request->Charge(size));
  return request;
}

absl::Status RequestBytes::Parse(google::protobuf::Message& message) {
  GF_ASSIGN_OR_RETURN(const int64_t size, CountMessage(bytes_, *message.GetDescriptor()));
  GF_RETURN_IF_ERROR(Charge(size));
  return ParseMessage(bytes_, message);
}

absl::Status RequestBytes::Charge(int64_t bytes) {
  // Large requests leave room for small ones.
  constexpr int64_t kSmallBytes = 64 << 10;
  const int64_t leave_bytes = bytes <= kSmallBytes ? 0 : memory_.capacity_bytes() / 4;
  GF_ASSIGN_OR_RETURN(places_.emplace_back(),
                      memory_.ReserveShared("the request", bytes, leave_bytes));
  return absl::OkStatus();
}

}  // namespace graphfeed
