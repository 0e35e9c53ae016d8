#ifndef GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_
#define GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_

#include <cstdint>

#include "absl/time/time.h"
#include "server/rpc/call.h"
#include "server/serving/admission.h"
#include "server/serving/task_queue.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"

namespace graphfeed {

// What calls that move whole versions share: ingests, or exports. Everything outlives the calls.
struct TransferContext {
  Calls& calls;
  TaskQueue& pool;
  Catalog& catalog;
  Admission& admission;  // of their number
  // How long the client may send, or take, nothing.
  absl::Duration idle_timeout = absl::InfiniteDuration();
  // Ingests only: whether there may be any, and what one message may take.
  const WriteRules* rules = nullptr;
  int64_t max_message_bytes = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_TRANSFER_CONTEXT_H_
