#include "client/local/local_calls.h"

#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/rpc/methods.h"
#include "client/local/waiting.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/frame_encoder.h"
#include "server/rpc/call.h"
#include "server/rpc/unary_methods.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

using google::protobuf::MessageLite;

// The slab becomes part of the message, as it does on a wire.
absl::Status Deliver(BatchReply reply, MessageLite& response) {
  const std::string header = wire::EncodeFrameHeader(reply.frame.info, reply.frame.slab.size(), "",
                                                     wire::FrameOf::kGetBatchResponse);
  const uint64_t bytes =
      reply.message.ByteSizeLong() + header.size() + static_cast<uint64_t>(reply.frame.slab.size());
  if (bytes > static_cast<uint64_t>(std::numeric_limits<int32_t>::max())) {
    return absl::ResourceExhaustedError(absl::StrCat("the answer has ", bytes, " bytes; at most ",
                                                     std::numeric_limits<int32_t>::max()));
  }
  const absl::string_view slab(reinterpret_cast<const char*>(reply.frame.slab.data()),
                               static_cast<size_t>(reply.frame.slab.size()));
  if (response.ParseFromString(absl::StrCat(reply.message.SerializeAsString(), header, slab))) {
    return absl::OkStatus();
  }
  return absl::InternalError("a batch that cannot be read");
}

template <typename Reply>
absl::Status Deliver(Reply reply, MessageLite& response) {
  dynamic_cast<Reply&>(response) = std::move(reply);
  return absl::OkStatus();
}

// Shared by who waits and the task, of which either may be the last.
template <typename Method>
struct Answering {
  typename Method::Request request;
  typename Method::Reply reply;
  std::unique_ptr<Call> call;  // until the end: a server waits for its calls
  CancelToken token;
  Outcome outcome;

  void End(const absl::Status& status) {
    call->End(status);
    call.reset();
    outcome.Set(Bare(status));
  }
};

template <typename Method>
absl::Status Answer(LocalServer& server, const MessageLite& request, absl::Duration timeout,
                    const rpc::Interrupted& interrupted, MessageLite* response) {
  ServerCore& core = server.core();
  const auto work = std::make_shared<Answering<Method>>();
  work->request = dynamic_cast<const typename Method::Request&>(request);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  work->call = Call::Admit(
      core.calls, [gone] { return gone->load(); }, Method::kName);
  work->token = gone;
  if (absl::Status status = work->call->CheckAdmitted(); !status.ok()) {
    work->End(status);
    return status;
  }
  Method::PoolOf(core.pools()).Post([work, &core] {
    const WorkScope scope(work->token);
    if (absl::Status status = work->call->CheckOpen(); !status.ok()) return work->End(status);
    AnswerOnce<Method>(
        core.handlers, work->call->caller().principal, work->call->tenant(), work->request,
        work->reply, [work] { return work->call->CheckOpen(); },
        [work](const absl::Status& status) { work->End(status); });
  });
  const absl::Time deadline =
      timeout < absl::InfiniteDuration() ? absl::Now() + timeout : absl::InfiniteFuture();
  absl::Status status = work->outcome.Wait(interrupted, deadline);
  if (!status.ok()) {
    *gone = true;
    return status;
  }
  return Deliver(std::move(work->reply), *response);
}

struct Entry {
  const char* path;
  absl::Status (*answer)(LocalServer& server, const MessageLite& request, absl::Duration timeout,
                         const rpc::Interrupted& interrupted, MessageLite* response);
  LocalServer::Use use;
};

constexpr LocalServer::Use kRead = LocalServer::Use::kRead;
constexpr LocalServer::Use kWrite = LocalServer::Use::kWrite;
constexpr Entry kMethods[] = {
    {methods::kListDatasets, &Answer<unary::ListDatasets>, kRead},
    {methods::kGetDataset, &Answer<unary::GetDataset>, kRead},
    {methods::kDeleteVersion, &Answer<unary::DeleteVersion>, kWrite},
    {methods::kEstimateOptions, &Answer<unary::EstimateOptions>, kRead},
    {methods::kDescribePlan, &Answer<unary::DescribePlan>, kRead},
    {methods::kGetBatch, &Answer<unary::GetBatch>, kRead},
    {methods::kPartitionDataset, &Answer<unary::PartitionDataset>, kWrite},
    {methods::kCreateSnapshot, &Answer<unary::CreateSnapshot>, kRead},
    {methods::kReportWorkerMetrics, &Answer<unary::ReportWorkerMetrics>, kRead},
    {methods::kListWorkers, &Answer<unary::ListWorkers>, kRead},
    {methods::kServerInfo, &Answer<unary::ServerInfo>, kRead},
};

const Entry* Find(absl::string_view method) {
  for (const Entry& entry : kMethods) {
    if (method == entry.path) return &entry;
  }
  return nullptr;
}

}  // namespace

LocalServer::Use UseOf(absl::string_view method) {
  const Entry* const entry = Find(method);
  return entry == nullptr ? LocalServer::Use::kRead : entry->use;
}

absl::Status AnswerLocally(LocalServer& server, absl::string_view method,
                           const MessageLite& request, absl::Duration timeout,
                           const rpc::Interrupted& interrupted, MessageLite* response) {
  const Entry* const entry = Find(method);
  if (entry == nullptr) return absl::UnimplementedError(absl::StrCat("no method ", method));
  return entry->answer(server, request, timeout, interrupted, response);
}

}  // namespace graphfeed
