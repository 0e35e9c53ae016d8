#ifndef GRAPHFEED_CLIENT_CPP_RPC_PASSAGE_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_RPC_PASSAGE_STREAM_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/cpp/rpc/rpc.h"
#include "client/cpp/rpc/slab_passage.h"
#include "google/protobuf/io/zero_copy_stream.h"

namespace graphfeed {

// A call that is answered beside itself, by packets, until those end; then what the call itself
// says follows, and how it ended. A thread of its own waits for that meanwhile, so that the call
// ends, is cancelled or found to be dead as others are.
class PassageStream final : public rpc::DownStream {
 public:
  // Takes the call, or leaves it and returns null where there can be no thread.
  static std::unique_ptr<PassageStream> Create(std::unique_ptr<rpc::DownStream>& call,
                                               std::shared_ptr<PassageMessages> messages);
  ~PassageStream() override;

  bool Read(absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream&)> use) override;
  absl::Status Finish() override;
  void Cancel() override;

 private:
  explicit PassageStream(std::shared_ptr<PassageMessages> messages)
      : messages_(std::move(messages)) {}
  void WaitForCall();

  const std::shared_ptr<PassageMessages> messages_;  // shared with slabs
  std::unique_ptr<rpc::DownStream> call_;
  std::string buffer_;   // of what was received last
  absl::Status broken_;  // an error: what else the call says may be behind something lost
  // Of the thread, and whoever has joined it.
  bool answered_ = false;              // the call has said something
  std::optional<std::string> answer_;  // what it has said first
  std::thread thread_;                 // last: it uses all of the above
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RPC_PASSAGE_STREAM_H_
