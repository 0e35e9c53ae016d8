#ifndef GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_

#include <cstddef>
#include <memory>

#include "client/cpp/client.h"
#include "client/cpp/replicas/resuming_reader.h"
#include "client/cpp/rpc/rpc.h"

namespace graphfeed {

// A stream of what `reader` reads. `prefetch` batches are received ahead.
std::unique_ptr<BatchStream> NewBatchStream(std::unique_ptr<ResumingReader> reader, size_t prefetch,
                                            rpc::Interrupted interrupted);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_BATCH_STREAM_H_
