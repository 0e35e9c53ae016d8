#ifndef GRAPHFEED_CLIENT_LOCAL_LOCAL_STREAMS_H_
#define GRAPHFEED_CLIENT_LOCAL_LOCAL_STREAMS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/cpp/rpc/rpc.h"
#include "client/local/local_server.h"
#include "graphfeed/v1/graphfeed.pb.h"

namespace graphfeed {

// A stream of batches: FrameStream's messages as on a wire, but that a frame's slab is beside its
// message (DownStream::TakeSlab), and the reader's alone from then on; the stream builds another.
// What the reader keeps is no more the stream's than what a client over a wire keeps. Frames are
// never compact.
std::unique_ptr<rpc::DownStream> StartLocalBatches(std::shared_ptr<LocalServer> server,
                                                   const v1::StreamBatchesRequest& request);

// The messages of a version, made by the thread that reads them.
std::unique_ptr<rpc::DownStream> StartLocalExport(std::shared_ptr<LocalServer> server,
                                                  const v1::ExportVersionRequest& request);

// An ingest, whose messages are stored by the server's pool, one at a time.
std::unique_ptr<rpc::UpStream> StartLocalIngest(std::shared_ptr<LocalServer> server,
                                                rpc::Interrupted interrupted,
                                                google::protobuf::MessageLite* response);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_LOCAL_STREAMS_H_
