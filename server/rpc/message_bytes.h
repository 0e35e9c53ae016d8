#ifndef GRAPHFEED_SERVER_RPC_MESSAGE_BYTES_H_
#define GRAPHFEED_SERVER_RPC_MESSAGE_BYTES_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "proto/frame/slab.h"
#include "server/rpc/handlers.h"

// Messages as gRPC has them. All methods take and give bytes: so a message is counted before it is
// parsed, what is none is refused in our words, and slabs go out as they are.

namespace graphfeed {

// Bytes of memory that the message is going to take (wire::ParsedBytes).
absl::StatusOr<int64_t> CountMessage(const grpc::ByteBuffer& bytes,
                                     const google::protobuf::Descriptor& type);
// INVALID_ARGUMENT for bytes that are no such message.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

// RESOURCE_EXHAUSTED for what exceeds a message's 2 GiB.
absl::StatusOr<grpc::ByteBuffer> EncodeMessage(const google::protobuf::Message& message);
absl::StatusOr<grpc::ByteBuffer> EncodeMessage(BatchReply reply);

// Refers to a slab until gRPC drops its last reference, and then lets `owner` go after the slab.
template <typename Owner>
grpc::Slice SlabSlice(Slab slab, Owner owner) {
  struct Held {
    Owner owner;  // goes last: the slab is back by then
    Slab slab;
  };
  void* const data = slab.data();
  const auto size = static_cast<size_t>(slab.size());
  auto* held = new Held{std::move(owner), std::move(slab)};
  return grpc::Slice(
      data, size, [](void* user_data) { delete static_cast<Held*>(user_data); }, held);
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_MESSAGE_BYTES_H_
