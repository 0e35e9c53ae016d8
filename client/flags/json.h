#ifndef GRAPHFEED_CLIENT_FLAGS_JSON_H_
#define GRAPHFEED_CLIENT_FLAGS_JSON_H_

#include "nlohmann/json.hpp"

namespace graphfeed {

// Keys in the order in which they are written.
using Json = nlohmann::ordered_json;

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_JSON_H_
