#include "server/rpc/message_bytes.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/message_memory.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status CheckReplySize(uint64_t bytes) {
  constexpr uint64_t kMaxBytes = std::numeric_limits<int32_t>::max();
  if (bytes <= kMaxBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the answer has ", bytes, " bytes; at most ", kMaxBytes));
}

}  // namespace

absl::StatusOr<int64_t> CountMessage(const grpc::ByteBuffer& bytes,
                                     const google::protobuf::Descriptor& type) {
  grpc::ByteBuffer copy(bytes);  // of references: a reader wants one that is not const
  grpc::ProtoBufferReader reader(&copy);
  return wire::ParsedBytes(type, reader);
}

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  grpc::ByteBuffer copy(bytes);
  grpc::ProtoBufferReader reader(&copy);
  if (message.ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  // What the count does not see: strings that are no UTF-8.
  return absl::InvalidArgumentError(absl::StrCat("the message is no ", message.GetTypeName(),
                                                 ": malformed, or a text is not UTF-8"));
}

absl::StatusOr<grpc::ByteBuffer> EncodeMessage(const google::protobuf::Message& message) {
  GF_RETURN_IF_ERROR(CheckReplySize(message.ByteSizeLong()));
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<grpc::ByteBuffer> EncodeMessage(BatchReply reply) {
  GF_RETURN_IF_ERROR(CheckReplySize(reply.message.ByteSizeLong()));
  const grpc::Slice rest(reply.message.SerializeAsString());
  const grpc::Slice header(wire::EncodeFrameHeader(reply.frame.info, reply.frame.slab.size(), "",
                                                   wire::FrameOf::kGetBatchResponse));
  GF_RETURN_IF_ERROR(
      CheckReplySize(rest.size() + header.size() + static_cast<uint64_t>(reply.frame.slab.size())));
  const grpc::Slice slices[] = {rest, header,
                                SlabSlice(std::move(reply.frame.slab), std::move(reply.memory))};
  return grpc::ByteBuffer(slices, 3);
}

}  // namespace graphfeed
