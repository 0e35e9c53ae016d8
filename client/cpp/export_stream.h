#ifndef GRAPHFEED_CLIENT_CPP_EXPORT_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_EXPORT_STREAM_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/rpc/rpc.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// Starts the call and reads what it declares.
absl::StatusOr<std::unique_ptr<GraphSource>> NewExportStream(rpc::Channel& channel,
                                                             const std::string& dataset);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_EXPORT_STREAM_H_
