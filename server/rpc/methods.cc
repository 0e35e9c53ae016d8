#include "server/rpc/methods.h"

#include "google/protobuf/descriptor.h"
#include "graphfeed/v1/graphfeed.pb.h"

namespace graphfeed {

std::vector<Metrics::Method> GraphFeedMethods() {
  const google::protobuf::ServiceDescriptor* const service =
      v1::ListDatasetsRequest::descriptor()->file()->FindServiceByName("GraphFeed");
  std::vector<Metrics::Method> methods;
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service->method(i);
    methods.push_back(
        {.name = method.name(), .streams = method.client_streaming() || method.server_streaming()});
  }
  return methods;
}

}  // namespace graphfeed
