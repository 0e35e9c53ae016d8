#ifndef GRAPHFEED_PROTO_WIRE_STATUS_DETAILS_H_
#define GRAPHFEED_PROTO_WIRE_STATUS_DETAILS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace graphfeed::wire {

// The bytes of `grpc-status-details-bin` for an error's details (proto/frame/error_details.h);
// empty where it has none.
std::string EncodeStatusDetails(const absl::Status& status);

// `status`, not OK, with what is known of the details in `bytes`. They are hints: what cannot be
// read is left out.
absl::Status DecodeStatusDetails(absl::Status status, absl::string_view bytes);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_STATUS_DETAILS_H_
