#ifndef GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_
#define GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_

#include "server/rpc/call.h"
#include "server/serving/admission.h"
#include "server/serving/task_queue.h"
#include "storage/catalog.h"

namespace graphfeed {

// What calls that move whole versions share: ingests, or exports. Everything outlives the calls.
struct TransferContext {
  Calls& calls;
  TaskQueue& pool;
  Catalog& catalog;
  Admission& admission;  // of their number
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_
