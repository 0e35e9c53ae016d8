#include "client/cpp/rpc/passage_stream.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

// What comes, as whoever sends it decides; then the end.
class Queue {
 public:
  void Put(std::string message) {
    absl::MutexLock lock(&mu_);
    messages_.push_back(std::move(message));
  }
  void End() {
    absl::MutexLock lock(&mu_);
    ended_ = true;
  }
  std::optional<std::string> Take() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Queue* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mu_) {
          return self->ended_ || !self->messages_.empty();
        },
        this));
    if (messages_.empty()) return std::nullopt;
    std::string message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  bool ended() {
    absl::MutexLock lock(&mu_);
    return ended_;
  }

 private:
  absl::Mutex mu_;
  std::deque<std::string> messages_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

class FakeCall final : public rpc::DownStream {
 public:
  FakeCall(std::shared_ptr<Queue> queue, absl::Status end)
      : queue_(std::move(queue)), end_(std::move(end)) {}

  bool Read(absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream&)> use) override {
    const std::optional<std::string> message = queue_->Take();
    if (!message.has_value()) return false;
    // In pieces, as gRPC's slices are.
    google::protobuf::io::ArrayInputStream bytes(message->data(), static_cast<int>(message->size()),
                                                 2);
    use(bytes);
    return true;
  }
  absl::Status Finish() override { return end_; }
  void Cancel() override { queue_->End(); }

 private:
  const std::shared_ptr<Queue> queue_;
  const absl::Status end_;
};

constexpr absl::string_view kBroken = "broken";

class FakeMessages final : public PassageMessages {
 public:
  explicit FakeMessages(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {}
  absl::StatusOr<std::optional<absl::string_view>> Receive(std::string& buffer) override {
    std::optional<std::string> next = queue_->Take();
    if (!next.has_value()) return std::nullopt;
    if (next == kBroken) return absl::UnavailableError("it cannot be received");
    buffer = *std::move(next);
    return buffer;
  }
  void Refuse() override { queue_->End(); }

 private:
  const std::shared_ptr<Queue> queue_;
};

class PassageStreamTest : public testing::Test {
 protected:
  std::unique_ptr<PassageStream> NewStream(absl::Status end = absl::OkStatus()) {
    std::unique_ptr<rpc::DownStream> call = std::make_unique<FakeCall>(call_, std::move(end));
    return PassageStream::Create(call, std::make_shared<FakeMessages>(beside_));
  }
  static std::optional<std::string> Next(PassageStream& stream) {
    std::optional<std::string> read;
    if (!stream.Read([&](google::protobuf::io::ZeroCopyInputStream& message) {
          std::string& bytes = read.emplace();
          const void* data = nullptr;
          int size = 0;
          while (message.Next(&data, &size)) bytes.append(static_cast<const char*>(data), size);
        })) {
      EXPECT_EQ(read, std::nullopt);
    }
    return read;
  }
  static std::vector<std::string> All(PassageStream& stream) {
    std::vector<std::string> all;
    while (std::optional<std::string> next = Next(stream)) all.push_back(*std::move(next));
    return all;
  }

  const std::shared_ptr<Queue> call_ = std::make_shared<Queue>();
  const std::shared_ptr<Queue> beside_ = std::make_shared<Queue>();
};

TEST_F(PassageStreamTest, WhatTheCallSaysFollowsThePackets) {
  const auto stream = NewStream();
  beside_->Put("one");
  beside_->Put("two");
  EXPECT_EQ(Next(*stream), "one");
  beside_->End();
  call_->Put("three");
  call_->Put("four");
  call_->End();
  EXPECT_THAT(All(*stream), ElementsAre("two", "three", "four"));
  EXPECT_EQ(Next(*stream), std::nullopt);
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
}

TEST_F(PassageStreamTest, ACallThatIsOverBeforeItsPacketsAreReadLosesNone) {
  beside_->Put("one");
  beside_->Put("two");
  beside_->End();
  call_->End();
  const auto stream = NewStream();
  EXPECT_THAT(All(*stream), ElementsAre("one", "two"));
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
}

// As of a server that is found to be dead: it does not end its packets.
TEST_F(PassageStreamTest, ACallThatBreaksEndsThePackets) {
  const auto stream = NewStream(absl::UnavailableError("it is gone"));
  beside_->Put("one");
  EXPECT_EQ(Next(*stream), "one");
  std::thread breaks([&] { call_->End(); });
  EXPECT_EQ(Next(*stream), std::nullopt);
  breaks.join();
  EXPECT_EQ(stream->Finish(), absl::UnavailableError("it is gone"));
}

// What the call says then may be behind something that has been lost.
TEST_F(PassageStreamTest, PacketsThatCannotBeReceivedBreakTheCall) {
  const auto stream = NewStream(absl::CancelledError("cancelled"));
  call_->Put("two");
  call_->Put("three");
  beside_->Put(std::string(kBroken));
  EXPECT_EQ(Next(*stream), std::nullopt);
  EXPECT_TRUE(call_->ended());
  EXPECT_EQ(Next(*stream), std::nullopt);
  EXPECT_EQ(stream->Finish(), absl::UnavailableError("it cannot be received"));
}

TEST_F(PassageStreamTest, CancelledWhileItWaitsItEnds) {
  const auto stream = NewStream(absl::CancelledError("cancelled"));
  std::thread cancels([&] { stream->Cancel(); });
  EXPECT_EQ(Next(*stream), std::nullopt);
  cancels.join();
  EXPECT_EQ(stream->Finish(), absl::CancelledError("cancelled"));
}

TEST_F(PassageStreamTest, GivenUpInTheMiddleItCancels) {
  auto stream = NewStream();
  beside_->Put("one");
  beside_->Put("two");
  EXPECT_EQ(Next(*stream), "one");
  stream.reset();
  EXPECT_TRUE(call_->ended());
  EXPECT_TRUE(beside_->ended());
}

}  // namespace
}  // namespace graphfeed
