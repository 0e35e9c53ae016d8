#include "server/rpc/status.h"

#include <string>

#include "proto/wire/status_details.h"

namespace graphfeed {
namespace {

// Travels in HTTP/2 metadata, of which gRPC takes 8 KiB in all by default; percent-coding can
// triple it.
constexpr size_t kMaxMessageBytes = 2000;

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  absl::string_view message = status.message();
  std::string text(message.substr(0, kMaxMessageBytes));
  if (message.size() > kMaxMessageBytes) text += " ...";
  // The two enumerations are numbered alike, by design.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), text,
                      wire::EncodeStatusDetails(status));
}

}  // namespace graphfeed
