#ifndef GRAPHFEED_SERVER_TRANSFER_CONTEXT_H_
#define GRAPHFEED_SERVER_TRANSFER_CONTEXT_H_

#include "server/admission.h"
#include "server/calls.h"
#include "server/executor.h"
#include "storage/catalog.h"

namespace graphfeed {

// What calls that move whole versions share: ingests, or exports. Everything outlives the calls.
struct TransferContext {
  Calls& calls;
  Executor& pool;
  Catalog& catalog;
  Admission& admission;  // of their number
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_TRANSFER_CONTEXT_H_
