#ifndef GRAPHFEED_SERVER_RPC_CALL_DATASET_H_
#define GRAPHFEED_SERVER_RPC_CALL_DATASET_H_

// Which dataset a call that answers once is about, for its record (call_record.h).

#include <string>

#include "absl/strings/str_cat.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "server/rpc/handlers.h"

namespace graphfeed {

// What is asked for, "name" or "name@version"; empty: none.
template <typename Method>
std::string DatasetAskedFor(const typename Method::Request& request) {
  if constexpr (requires {
                  request.version();
                  Method::DatasetOf(request);
                }) {
    return absl::StrCat(Method::DatasetOf(request), "@", request.version());
  } else if constexpr (requires { Method::DatasetOf(request); }) {
    return std::string(Method::DatasetOf(request));
  } else {
    return "";
  }
}

// What has been found, or made, by a call that went well.
template <typename Method>
std::string DatasetUsed(const typename Method::Request& request,
                        const typename Method::Reply& reply) {
  if constexpr (requires {
                  reply.name();
                  reply.version();
                }) {
    return absl::StrCat(reply.name(), "@", reply.version());
  } else if constexpr (requires { reply.message.header().dataset(); }) {
    return reply.message.header().dataset();
  } else {
    return DatasetAskedFor<Method>(request);
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALL_DATASET_H_
