#include "client/cpp/replicas/resuming_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/passage_stream.h"
#include "client/cpp/rpc/requests.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/error_details.h"
#include "proto/wire/messages.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

std::string Text(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

}  // namespace

ResumingReader::ResumingReader(const StreamOptions& options, const ClientOptions& client,
                               std::shared_ptr<Replicas> replicas)
    : options_(options),
      client_(client),
      replicas_(std::move(replicas)),
      cursor_(options),
      placement_(options, client, replicas_),
      shares_memory_(client.shared_memory) {}

bool ResumingReader::cancelled() const {
  absl::MutexLock lock(&mu_);
  return cancelled_;
}

void ResumingReader::Cancel() {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  if (call_ != nullptr) call_->Cancel();
}

void ResumingReader::Pause(absl::Duration time) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&cancelled_), time);
}

absl::StatusOr<std::optional<StreamDecoder::Event>> ResumingReader::Next() {
  for (;;) {
    if (cancelled()) {
      (void)StopCall(/*running=*/true);
      return absl::CancelledError("the stream was cancelled");
    }
    if (!current_.has_value()) GF_RETURN_IF_ERROR(Connect());
    rpc::DownStream* call;
    {
      absl::MutexLock lock(&mu_);
      call = call_.get();  // which nobody else frees
    }
    absl::StatusOr<StreamDecoder::Event> event = absl::UnknownError("not decoded");
    const bool more = call->Read(
        [&](auto& message) { event = current_->decoder.Decode(message, call->TakeSlab()); });
    absl::Status status;
    if (more && event.ok()) {
      absl::StatusOr<std::optional<StreamDecoder::Event>> taken = Take(*std::move(event));
      if (taken.ok()) {
        if (taken->has_value()) return taken;
        continue;
      }
      status = taken.status();
    } else if (more) {
      status = event.status();
    }
    const absl::Status end = StopCall(/*running=*/more);
    const bool by_server = !more && !end.ok();
    if (!more) status = end.ok() ? current_->decoder.CheckComplete() : end;
    // A server that goes away behind its last frame has said everything.
    if (status.ok() || (by_server && cursor_.done())) {
      current_.reset();
      return std::nullopt;
    }
    if (cancelled() || (by_server && Moves(status))) continue;
    GF_RETURN_IF_ERROR(Fail(status, by_server));
  }
}

absl::Status ResumingReader::StopCall(bool running) {
  std::unique_ptr<rpc::DownStream> call;
  {
    absl::MutexLock lock(&mu_);
    call = std::move(call_);
  }
  if (call == nullptr) return absl::OkStatus();
  if (running) call->Cancel();
  return call->Finish();
}

absl::Status ResumingReader::Connect() {
  for (;;) {
    if (cancelled()) return absl::CancelledError("the stream was cancelled");
    absl::StatusOr<StreamPlacement::List> replicas = !outage_.empty()    ? placement_.Fail()
                                                     : left_.has_value() ? placement_.Move(*left_)
                                                                         : placement_.Begin();
    if (!replicas.ok()) return replicas.status();
    if (std::shared_ptr<Replica> replica = outage_.Choose(*replicas)) {
      return Start(std::move(replica));
    }
    // Every replica has failed in this round.
    const bool cold = info_ == nullptr && !replicas_->any_answered();
    const absl::Duration pause = std::max(backoff_.Next(), outage_.RetryDelay());
    const absl::Time now = absl::Now();
    const absl::Time deadline = outage_.started() + client_.retry_timeout;
    if (cold || !outage_.AnyLeft(*replicas) || now + pause > deadline) {
      return outage_.Final(What(), now);
    }
    Tell(client_, outage_.TryingOn(What(), now, deadline));
    Pause(pause);
    outage_.NextRound();
  }
}

absl::Status ResumingReader::Start(std::shared_ptr<Replica> replica) {
  StreamOptions rest = options_;
  if (info_ != nullptr) {
    rest.dataset = info_->dataset;
    rest.fingerprint = info_->fingerprint;
    rest.spec = info_->resolved_spec;
    rest.start_epoch = cursor_.epoch();
    rest.start_ordinal = cursor_.ordinal();
    rest.num_epochs = cursor_.num_epochs();
  }
  GF_ASSIGN_OR_RETURN(v1::StreamBatchesRequest request,
                      MakeStreamRequest(rest, client_.encoding, client_.max_frame_bytes));
  std::unique_ptr<SlabPassage> passage;
  if (shares_memory_) {
    absl::StatusOr<std::unique_ptr<SlabPassage>> connected = SlabPassage::Connect(replica->address);
    if (connected.ok()) {  // otherwise frames travel
      passage = *std::move(connected);
      AskForMemory(passage->token(), StreamDecoder::HeldFrames(rest), request);
    }
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<rpc::DownStream> call,
                      replica->channel->StartDown(methods::kStreamBatches, request));
  current_.emplace(Call{.replica = std::move(replica),
                        .decoder = StreamDecoder(rest, client_.max_frame_bytes, client_.encoding,
                                                 std::move(passage))});
  absl::MutexLock lock(&mu_);
  call_ = std::move(call);
  if (cancelled_) call_->Cancel();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StreamDecoder::Event>> ResumingReader::Take(
    StreamDecoder::Event event) {
  if (auto* info = std::get_if<std::shared_ptr<const StreamInfo>>(&event)) {
    const bool first = info_ == nullptr;
    GF_RETURN_IF_ERROR(TakeHeader(**info));
    if (!first) return std::nullopt;
    info_ = std::move(*info);
    return StreamDecoder::Event(info_);
  }
  if (auto* epoch = std::get_if<std::shared_ptr<const EpochInfo>>(&event)) {
    GF_ASSIGN_OR_RETURN(const bool begins, cursor_.TakeEpoch(**epoch));
    if (!begins) return std::nullopt;
    return std::optional(std::move(event));
  }
  cursor_.TakeFrame();
  current_->sent = true;
  outage_ = Outage();
  backoff_.Reset();
  return std::optional(std::move(event));
}

absl::Status ResumingReader::TakeHeader(const StreamInfo& info) {
  if (info_ != nullptr) {
    if (info.spec_digest != info_->spec_digest) {
      return absl::DataLossError(absl::StrCat("the server resolves the spec to ",
                                              DigestHex(info.spec_digest), ", not ",
                                              DigestHex(info_->spec_digest)));
    }
    if (LayoutDigest(info.layout) != LayoutDigest(info_->layout)) {
      return absl::DataLossError("the server lays batches out in another way");
    }
  }
  current_->answered = true;
  if (auto messages = current_->decoder.passage_messages()) {
    absl::MutexLock lock(&mu_);
    auto beside = PassageStream::Create(call_, std::move(messages));
    if (beside == nullptr) {
      current_->without_thread = true;
      return absl::ResourceExhaustedError("no thread for messages beside the call");
    }
    call_ = std::move(beside);
  }
  left_.reset();
  replicas_->Answered(*current_->replica);
  placement_.Landed(*current_->replica, info.max_age_ms);
  if (lost_.empty()) return absl::OkStatus();
  std::string notice = absl::StrCat(lost_, "; ", current_->replica->address, " goes on with frame ",
                                    cursor_.ordinal(), " of epoch ", cursor_.epoch());
  const std::string refusals = outage_.Refusals();
  if (!refusals.empty()) absl::StrAppend(&notice, " (refused: ", refusals, ")");
  lost_.clear();
  Tell(client_, notice);
  return absl::OkStatus();
}

bool ResumingReader::Moves(const absl::Status& status) {
  const std::optional<StreamEnd> end = StreamEndOf(status);
  if (end != StreamEnd::kAge && end != StreamEnd::kIdle) return false;
  if (!current_->sent) return false;  // such a server would keep us going round
  left_ = current_->replica->address;
  current_.reset();
  return true;
}

absl::Status ResumingReader::Fail(const absl::Status& status, bool by_server) {
  if (current_->decoder.passage_failed() || current_->without_thread) {
    shares_memory_ = false;
    current_.reset();
    return absl::OkStatus();
  }
  const Failure failure = Judge(status, by_server);
  const std::shared_ptr<Replica> replica = std::move(current_->replica);
  current_.reset();
  if (failure == Failure::kFinal) return status;
  // One that moves has lost nothing where it has only asked.
  if (outage_.empty() && info_ != nullptr && !left_.has_value()) {
    lost_ = absl::StrCat("the stream of ", info_->dataset, " from ", replica->address,
                         " broke off (", Text(status), ")");
  }
  if (failure == Failure::kTransient) replicas_->Failed(*replica);
  outage_.Add(*replica, status, failure, absl::Now());
  return absl::OkStatus();
}

// What each code of the service means is in graphfeed.proto.
Failure ResumingReader::Judge(const absl::Status& status, bool by_server) {
  const bool resuming = info_ != nullptr;
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kNotFound:
      return Failure::kNotHere;
    case absl::StatusCode::kResourceExhausted:
      // Too many streams; but of frames that are too large there is no end elsewhere.
      if (!by_server || current_->answered) return Failure::kFinal;
      return resuming ? Failure::kTransient : Failure::kNotHere;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      // Another server took the same request: this one is of another make.
      return resuming && !current_->answered ? Failure::kNotHere : Failure::kFinal;
    case absl::StatusCode::kFailedPrecondition: {
      // Other content, or a batch that cannot be made of the right one?
      const std::optional<Fingerprint> expected =
          resuming ? std::optional(info_->fingerprint) : options_.fingerprint;
      if (!expected.has_value() || current_->answered) return Failure::kFinal;
      v1::GetDatasetRequest request;
      request.set_dataset(resuming ? info_->dataset : options_.dataset);
      v1::DatasetInfo response;
      const absl::Status asked = current_->replica->channel->Call(methods::kGetDataset, request,
                                                                  client_.timeout, &response);
      if (!asked.ok()) return Failure::kTransient;
      const std::string& has = response.fingerprint();
      if (has == std::string(expected->begin(), expected->end())) return Failure::kFinal;
      return Failure::kNotHere;
    }
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return Failure::kFinal;
    default:
      return Failure::kTransient;
  }
}

std::string ResumingReader::What() const {
  return absl::StrCat(info_ == nullptr ? "stream " : "go on with ", options_.dataset, " at frame ",
                      cursor_.ordinal(), " of epoch ", cursor_.epoch());
}

}  // namespace graphfeed
