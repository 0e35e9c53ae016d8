#include "client/cpp/replicas/replicated_calls.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "client/cpp/fork.h"
#include "client/cpp/replicas/backoff.h"
#include "client/cpp/replicas/outage.h"
#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/rpc.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// A question has no side effects: what one replica refuses, another with other datasets may answer.
Failure Judge(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown:
      return Failure::kTransient;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kResourceExhausted:
      return Failure::kNotHere;
    default:
      return Failure::kFinal;
  }
}

// How long each of several replicas is waited for.
constexpr absl::Duration kAnswerTime = absl::Seconds(5);

// "GetDataset" of "/graphfeed.v1.GraphFeed/GetDataset".
absl::string_view MethodName(absl::string_view method) {
  return method.substr(method.rfind('/') + 1);
}

// gRPC says of a deadline that it is exceeded, and no more.
absl::Status Named(const absl::Status& status, const Replica& replica, absl::string_view method,
                   absl::Duration timeout) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return absl::DeadlineExceededError(absl::StrCat(
      replica.address, " has not answered ", MethodName(method), " within ",
      absl::FormatDuration(timeout), ", the client's timeout (", status.message(), ")"));
}

}  // namespace

ReplicatedCalls::ReplicatedCalls(const ClientOptions& options, std::shared_ptr<Replicas> replicas)
    : options_(options), replicas_(std::move(replicas)) {}

absl::Status ReplicatedCalls::Ask(const char* method, const google::protobuf::MessageLite& request,
                                  absl::Duration timeout, google::protobuf::MessageLite* response,
                                  absl::FunctionRef<absl::Status()> read) {
  const CallInProgress in_progress;
  const absl::Time deadline = absl::Now() + timeout;
  Backoff backoff;
  Outage outage;
  for (;;) {
    GF_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<Replica>> replicas,
                        replicas_->List(/*resolve=*/!outage.empty()));
    bool refused = false;  // by a replica that was there
    while (const std::shared_ptr<Replica> replica = outage.Choose(replicas)) {
      absl::Status status = replica->channel->Call(
          method, request, std::max(deadline - absl::Now(), absl::Milliseconds(1)), response);
      if (status.ok()) {
        replicas_->Answered(*replica);
        status = read();
        if (status.ok()) return status;
      }
      const Failure failure = Judge(status);
      if (failure == Failure::kFinal) return Named(status, *replica, method, timeout);
      if (failure == Failure::kTransient) replicas_->Failed(*replica);
      refused = refused || failure == Failure::kNotHere;
      outage.Add(*replica, status, failure, absl::Now());
    }
    const absl::Duration pause = backoff.Next();
    const absl::Time now = absl::Now();
    const absl::Time again = now + pause;
    const absl::Time give_up = std::min(deadline, outage.started() + options_.retry_timeout);
    const std::string what = absl::StrCat("answer ", MethodName(method));
    if (refused || !replicas_->any_answered() || again > give_up) return outage.Final(what, now);
    graphfeed::Tell(options_, outage.TryingOn(what, now, give_up));
    for (absl::Duration left = pause; left > absl::ZeroDuration(); left = again - absl::Now()) {
      if (interrupted()) return absl::CancelledError("interrupted");
      absl::SleepFor(std::min(left, rpc::kInterruptInterval));
    }
    outage.NextRound();
  }
}

absl::Status ReplicatedCalls::AskEach(const char* method,
                                      const google::protobuf::MessageLite& request,
                                      absl::Duration timeout,
                                      google::protobuf::MessageLite* response,
                                      absl::FunctionRef<bool()> answered) {
  const CallInProgress in_progress;
  GF_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<Replica>> replicas,
                      replicas_->List(/*resolve=*/false));
  absl::Status last = absl::UnavailableError("no server has been asked");
  std::shared_ptr<Replica> chosen;
  for (const std::shared_ptr<Replica>& replica : replicas) {
    if (FailedLately(*replica)) continue;
    absl::Status status =
        replica->channel->Call(method, request, std::min(timeout, kAnswerTime), response);
    if (absl::IsCancelled(status)) return status;
    if (!status.ok()) {
      last = status;
      if (Judge(status) == Failure::kTransient || absl::IsDeadlineExceeded(status)) {
        replicas_->Failed(*replica);
      }
      continue;
    }
    replicas_->Answered(*replica);
    if (answered()) chosen = replica;
  }
  if (chosen == nullptr) return last;
  replicas_->Answered(*chosen);
  return absl::OkStatus();
}

absl::StatusOr<bool> ReplicatedCalls::Several() {
  GF_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<Replica>> replicas,
                      replicas_->List(/*resolve=*/false));
  return replicas.size() > 1;
}

absl::StatusOr<std::shared_ptr<Replica>> ReplicatedCalls::FindReachable() {
  GF_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<Replica>> replicas,
                      replicas_->List(/*resolve=*/false));
  // One alone says itself when it cannot be reached.
  if (replicas.size() > 1) {
    v1::ListDatasetsResponse response;
    GF_RETURN_IF_ERROR(
        Ask(methods::kListDatasets, v1::ListDatasetsRequest(), options_.timeout, &response));
    GF_ASSIGN_OR_RETURN(replicas, replicas_->List(/*resolve=*/false));
  }
  return replicas.front();
}

absl::Status ReplicatedCalls::Tell(const char* method, const google::protobuf::MessageLite& request,
                                   absl::Duration timeout,
                                   google::protobuf::MessageLite* response) {
  const CallInProgress in_progress;
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Replica> replica, FindReachable());
  const absl::Status status = replica->channel->Call(method, request, timeout, response);
  if (absl::IsUnavailable(status)) {
    replicas_->Failed(*replica);
  } else {
    replicas_->Answered(*replica);
  }
  return Named(status, *replica, method, timeout);
}

}  // namespace graphfeed
