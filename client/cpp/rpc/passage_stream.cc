#include "client/cpp/rpc/passage_stream.h"

#include <system_error>
#include <utility>

#include "absl/strings/string_view.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace graphfeed {

using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::ZeroCopyInputStream;

std::unique_ptr<PassageStream> PassageStream::Create(std::unique_ptr<rpc::DownStream>& call,
                                                     std::shared_ptr<PassageMessages> messages) {
  std::unique_ptr<PassageStream> stream(new PassageStream(std::move(messages)));
  stream->call_ = std::move(call);
  try {
    stream->thread_ = std::thread([self = stream.get()] { self->WaitForCall(); });
  } catch (const std::system_error&) {
    call = std::move(stream->call_);
    return nullptr;
  }
  return stream;
}

PassageStream::~PassageStream() {
  if (!thread_.joinable()) return;  // read to its end, or never begun
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
  if (!thread_.joinable()) return broken_.ok() && answered_ && call_->Read(use);
  absl::StatusOr<std::optional<absl::string_view>> received = messages_->Receive(buffer_);
  if (!received.ok()) {
    broken_ = received.status();
    call_->Cancel();
    thread_.join();
    return false;
  }
  std::optional<absl::string_view> message = *received;
  if (!message.has_value()) {
    thread_.join();
    if (!answered_) return false;
    message = answer_;
  }
  ArrayInputStream bytes(message->data(), static_cast<int>(message->size()));
  use(bytes);
  return true;
}

absl::Status PassageStream::Finish() {
  if (thread_.joinable()) thread_.join();
  const absl::Status status = call_->Finish();
  return broken_.ok() ? status : broken_;
}

void PassageStream::Cancel() { call_->Cancel(); }

}  // namespace graphfeed
