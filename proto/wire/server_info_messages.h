#ifndef GRAPHFEED_PROTO_WIRE_SERVER_INFO_MESSAGES_H_
#define GRAPHFEED_PROTO_WIRE_SERVER_INFO_MESSAGES_H_

#include "absl/status/statusor.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/server_info.h"

namespace graphfeed::wire {

v1::ServerInfoResponse ToProto(const ServerInfo& info);
// DATA_LOSS for more, or longer, words than a server says, and words with control characters.
absl::StatusOr<ServerInfo> FromProto(const v1::ServerInfoResponse& message);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_SERVER_INFO_MESSAGES_H_
