#ifndef GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_

#include <cstddef>
#include <memory>

#include "client/cpp/client.h"
#include "client/cpp/rpc.h"
#include "client/cpp/stream_decoder.h"

namespace graphfeed {

// A stream over a call that has been started. `prefetch` batches are received ahead.
std::unique_ptr<BatchStream> NewBatchStream(std::unique_ptr<rpc::DownStream> call,
                                            StreamDecoder decoder, size_t prefetch,
                                            rpc::Interrupted interrupted);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_
