#ifndef GRAPHFEED_PROTO_WIRE_KNOWN_FIELDS_H_
#define GRAPHFEED_PROTO_WIRE_KNOWN_FIELDS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace graphfeed::wire {

// For requests whose every field counts: a peer of a later release may have set one that this
// program does not know, and would get something else than it asked for. INVALID_ARGUMENT names
// where it is, below `name`, and its number.
absl::Status CheckKnownFields(const google::protobuf::Message& message, absl::string_view name);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_KNOWN_FIELDS_H_
