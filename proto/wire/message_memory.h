#ifndef GRAPHFEED_PROTO_WIRE_MESSAGE_MEMORY_H_
#define GRAPHFEED_PROTO_WIRE_MESSAGE_MEMORY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace graphfeed::wire {

// About how many bytes of memory a message of this type takes when it is parsed and its coded lists
// (EncodeIds) are decoded, found without doing either: two bytes of an empty string are 60 in
// memory, a byte of code is 8. At most the memory is charged before it is taken. INVALID_ARGUMENT
// for bytes that are no such message.
absl::StatusOr<int64_t> ParsedBytes(const google::protobuf::Descriptor& type,
                                    google::protobuf::io::ZeroCopyInputStream& bytes);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_MESSAGE_MEMORY_H_
