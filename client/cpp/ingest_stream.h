#ifndef GRAPHFEED_CLIENT_CPP_INGEST_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_INGEST_STREAM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/cpp/rpc/rpc.h"

namespace graphfeed {

// Starts the call and sends what `spec` declares.
absl::StatusOr<std::unique_ptr<GraphSink>> NewIngestStream(rpc::Channel& channel,
                                                           const IngestSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_INGEST_STREAM_H_
