#ifndef GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_
#define GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_

#include "client/flags/json.h"
#include "proto/frame/batch_spec.h"

namespace graphfeed {

// Every field by its name; choices as flags spell them. Ids are left out, since they may be
// many: of seed edges there is the number of pairs.
Json ToJson(const BatchSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_
