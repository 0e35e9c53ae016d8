#ifndef GRAPHFEED_CLIENT_LOCAL_LOCAL_CALLS_H_
#define GRAPHFEED_CLIENT_LOCAL_LOCAL_CALLS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/rpc/rpc.h"
#include "client/local/local_server.h"
#include "google/protobuf/message_lite.h"

namespace graphfeed {

// What a call that answers once (`method` is a path of the service) needs of its folder.
LocalServer::Use UseOf(absl::string_view method);

// Answers it on the server's pools, and waits as rpc::Channel::Call does. Whoever gives up is not
// worked for any more.
absl::Status AnswerLocally(LocalServer& server, absl::string_view method,
                           const google::protobuf::MessageLite& request, absl::Duration timeout,
                           const rpc::Interrupted& interrupted,
                           google::protobuf::MessageLite* response);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_LOCAL_CALLS_H_
