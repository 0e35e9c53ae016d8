#include "client/cpp/rpc/passage_stream.h"

#include <utility>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace graphfeed {

using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::ZeroCopyInputStream;

PassageStream::PassageStream(std::unique_ptr<rpc::DownStream> call,
                             std::shared_ptr<PassageMessages> messages)
    : call_(std::move(call)), messages_(std::move(messages)), thread_([this] { WaitForCall(); }) {}

PassageStream::~PassageStream() {
  if (!thread_.joinable()) return;
  call_->Cancel();
  thread_.join();
}

// A server that is all right says nothing here before it has ended its packets: what has come of
// them is read first.
void PassageStream::WaitForCall() {
  answered_ = call_->Read([this](ZeroCopyInputStream& message) {
    std::string& bytes = answer_.emplace();
    const void* data = nullptr;
    int size = 0;
    while (message.Next(&data, &size)) {
      bytes.append(static_cast<const char*>(data), static_cast<size_t>(size));
    }
  });
  messages_->Refuse();
}

bool PassageStream::Read(absl::FunctionRef<void(ZeroCopyInputStream&)> use) {
  if (thread_.joinable()) {
    if (!messages_->Receive(message_)) {
      thread_.join();
      if (answer_.has_value()) message_ = *std::exchange(answer_, std::nullopt);
      if (!answered_) return false;
    }
    ArrayInputStream bytes(message_.data(), static_cast<int>(message_.size()));
    use(bytes);
    return true;
  }
  return answered_ && call_->Read(use);
}

absl::Status PassageStream::Finish() {
  if (thread_.joinable()) thread_.join();
  return call_->Finish();
}

void PassageStream::Cancel() { call_->Cancel(); }

}  // namespace graphfeed
