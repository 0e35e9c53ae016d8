#ifndef GRAPHFEED_SERVER_RPC_REQUEST_BYTES_H_
#define GRAPHFEED_SERVER_RPC_REQUEST_BYTES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/call.h"
#include "server/serving/admission.h"

namespace graphfeed {

// The bytes of a call's only request, and the memory that it takes while it is being answered. May
// outlive the call. Not thread-safe.
class RequestBytes {
 public:
  // Before anybody looks at it: may the call begin, is the request small enough, is there room for
  // its bytes? RESOURCE_EXHAUSTED if not.
  static absl::StatusOr<std::shared_ptr<RequestBytes>> Admit(const Call& call,
                                                             const grpc::ByteBuffer& bytes);

  // Parses it. INVALID_ARGUMENT for what is no such message, RESOURCE_EXHAUSTED if there is no room
  // for what it becomes.
  absl::Status Parse(google::protobuf::Message& message);

 private:
  RequestBytes(Admission& memory, const grpc::ByteBuffer& bytes) : memory_(memory), bytes_(bytes) {}
  absl::Status Charge(int64_t bytes);

  Admission& memory_;
  grpc::ByteBuffer bytes_;  // shares those of the call
  std::vector<std::shared_ptr<Admission::Place>> places_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_REQUEST_BYTES_H_
