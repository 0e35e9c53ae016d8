#include "client/cpp/client.h"

#include <cstring>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/batch_stream.h"
#include "client/cpp/export_stream.h"
#include "client/cpp/ingest_stream.h"
#include "client/cpp/replicas/replicas.h"
#include "client/cpp/replicas/replicated_calls.h"
#include "client/cpp/replicas/resuming_reader.h"
#include "client/cpp/replicas/worker_calls.h"
#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/requests.h"
#include "client/cpp/rpc/rpc.h"
#include "client/cpp/rpc/stream_decoder.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "proto/wire/server_info_messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// What a message has besides its frame's payload.
constexpr int64_t kMessageOverheadBytes = 64 << 10;

class RpcClient final : public Client {
 public:
  RpcClient(const ClientOptions& options, std::shared_ptr<Replicas> replicas)
      : options_(options),
        replicas_(std::move(replicas)),
        calls_(options_, replicas_),
        workers_(calls_, options.timeout) {}

  absl::StatusOr<std::vector<DatasetInfo>> ListDatasets() override {
    std::vector<DatasetInfo> infos;
    v1::ListDatasetsRequest request;
    for (;;) {
      v1::ListDatasetsResponse response;
      GF_RETURN_IF_ERROR(Ask(methods::kListDatasets, request, &response));
      GF_ASSIGN_OR_RETURN(std::vector<DatasetInfo> page, ReadInfos(response.datasets()));
      if (response.more() && page.empty()) {
        return absl::DataLossError("the server lists nothing, and says that there is more");
      }
      for (DatasetInfo& info : page) {
        if (!infos.empty() && std::tie(infos.back().name, infos.back().version) >=
                                  std::tie(info.name, info.version)) {
          return absl::DataLossError(absl::StrCat("the server lists ", info.name, "@", info.version,
                                                  " behind ", infos.back().name, "@",
                                                  infos.back().version));
        }
        infos.push_back(std::move(info));
      }
      if (!response.more()) return infos;
      request.set_after(absl::StrCat(infos.back().name, "@", infos.back().version));
    }
  }

  absl::StatusOr<DatasetInfo> GetDataset(const std::string& dataset) override {
    v1::GetDatasetRequest request;
    request.set_dataset(dataset);
    v1::DatasetInfo response;
    GF_ASSIGN_OR_RETURN(const bool found, FindNewest(request, response));
    if (found) return ReadAnswer(wire::FromProto(response));
    GF_RETURN_IF_ERROR(Ask(methods::kGetDataset, request, &response));
    return ReadAnswer(wire::FromProto(response));
  }

  absl::Status DeleteVersion(const std::string& name, int64_t version) override {
    v1::DeleteVersionRequest request;
    request.set_name(name);
    request.set_version(version);
    v1::DeleteVersionResponse response;
    return calls_.Tell(methods::kDeleteVersion, request, options_.timeout, &response);
  }

  absl::StatusOr<FixedSizeOptions> EstimateSizes(const std::string& dataset, int64_t batch_size,
                                                 const Selection& selection,
                                                 int64_t sample_limit) override {
    v1::EstimateOptionsRequest request;
    GF_ASSIGN_OR_RETURN(*request.mutable_dataset(), Pinned(dataset));
    request.set_batch_size(batch_size);
    *request.mutable_selection() = wire::ToProto(selection);
    request.set_sample_limit(sample_limit);
    v1::EstimateOptionsResponse response;
    GF_RETURN_IF_ERROR(Ask(methods::kEstimateOptions, request, &response));
    return ReadAnswer(wire::FromProto(response.options()));
  }

  absl::StatusOr<SizeEstimate> EstimateSizes(const SizeEstimateRequest& estimate) override {
    SizeEstimateRequest pinned = estimate;
    GF_ASSIGN_OR_RETURN(pinned.dataset, Pinned(estimate.dataset));
    v1::EstimateOptionsResponse response;
    GF_RETURN_IF_ERROR(calls_.Ask(methods::kEstimateOptions, MakeSizeEstimateRequest(pinned),
                                  absl::InfiniteDuration(), &response));
    return ReadAnswer(wire::FromProto(response));
  }

  absl::StatusOr<SizeChoice> ChooseSizes(const std::string& dataset, const BatchSpec& spec,
                                         const SizeTarget& target) override {
    v1::EstimateOptionsRequest request = MakeChoiceRequest(spec, target);
    GF_ASSIGN_OR_RETURN(*request.mutable_dataset(), Pinned(dataset));
    v1::EstimateOptionsResponse response;
    GF_RETURN_IF_ERROR(Ask(methods::kEstimateOptions, request, &response));
    return ReadAnswer(wire::ChoiceFromProto(response));
  }

  absl::StatusOr<DatasetInfo> Partition(const std::string& dataset, int64_t num_parts,
                                        uint64_t seed, const std::string& column) override {
    v1::PartitionDatasetRequest request;
    GF_ASSIGN_OR_RETURN(*request.mutable_dataset(), Pinned(dataset));
    request.set_num_parts(num_parts);
    request.set_seed(seed);
    request.set_column(column);
    v1::DatasetInfo response;
    GF_RETURN_IF_ERROR(
        calls_.Tell(methods::kPartitionDataset, request, absl::InfiniteDuration(), &response));
    return ReadAnswer(wire::FromProto(response));
  }

  absl::StatusOr<PlanDescription> DescribePlan(const StreamOptions& options) override {
    GF_ASSIGN_OR_RETURN(v1::DescribePlanRequest request, MakePlanRequest(options));
    GF_ASSIGN_OR_RETURN(*request.mutable_dataset(), Pinned(options.dataset));
    v1::DescribePlanResponse response;
    GF_RETURN_IF_ERROR(Ask(methods::kDescribePlan, request, &response));
    GF_ASSIGN_OR_RETURN(PlanDescription description, ReadAnswer(FromResponse(response)));
    // A plan is that of a whole epoch, wherever the stream is to begin.
    GF_RETURN_IF_ERROR(CheckShardFrames(description.plan, options, /*first_epoch=*/false));
    return description;
  }

  absl::StatusOr<GetBatchResult> GetBatch(const StreamOptions& options, int64_t epoch,
                                          int64_t ordinal) override {
    v1::GetBatchRequest request =
        MakeGetBatchRequest(options, epoch, ordinal, options_.max_frame_bytes);
    GF_ASSIGN_OR_RETURN(*request.mutable_dataset(), Pinned(options.dataset));
    v1::GetBatchResponse response;
    std::optional<GetBatchResult> result;
    GF_RETURN_IF_ERROR(
        calls_.Ask(methods::kGetBatch, request, options_.timeout, &response, [&]() -> absl::Status {
          GF_ASSIGN_OR_RETURN(result, ReadBatch(options, epoch, ordinal, response));
          return absl::OkStatus();
        }));
    return *std::move(result);
  }

  absl::StatusOr<std::unique_ptr<BatchStream>> StreamBatches(
      const StreamOptions& options) override {
    // Refused here what the wire cannot carry.
    GF_RETURN_IF_ERROR(
        MakeStreamRequest(options, options_.encoding, options_.max_frame_bytes).status());
    StreamOptions pinned = options;
    GF_ASSIGN_OR_RETURN(pinned.dataset, Pinned(options.dataset));
    return NewBatchStream(std::make_unique<ResumingReader>(pinned, options_, replicas_),
                          options.client_prefetch, options_.interrupted);
  }

  absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) override {
    GF_ASSIGN_OR_RETURN(const std::shared_ptr<Replica> replica, calls_.FindReachable());
    return NewIngestStream(*replica->channel, spec);
  }

  absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) override {
    GF_ASSIGN_OR_RETURN(const std::string pinned, Pinned(dataset));
    GF_ASSIGN_OR_RETURN(const std::shared_ptr<Replica> replica, calls_.FindReachable());
    return NewExportStream(*replica->channel, pinned);
  }

  absl::StatusOr<SnapshotInfo> CreateSnapshot(const std::string& name) override {
    v1::CreateSnapshotRequest request;
    request.set_name(name);
    v1::CreateSnapshotResponse response;
    GF_RETURN_IF_ERROR(
        calls_.Tell(methods::kCreateSnapshot, request, absl::InfiniteDuration(), &response));
    GF_ASSIGN_OR_RETURN(std::vector<DatasetInfo> datasets, ReadInfos(response.datasets()));
    return SnapshotInfo{
        .folder = response.folder(), .datasets = std::move(datasets), .more = response.more()};
  }

  absl::Status ReportWorker(const WorkerReport& report) override { return workers_.Report(report); }

  absl::StatusOr<std::vector<WorkerStatus>> ListWorkers() override { return workers_.List(); }

  absl::StatusOr<ServerInfo> GetServerInfo() override {
    v1::ServerInfoResponse response;
    absl::StatusOr<ServerInfo> info;
    GF_RETURN_IF_ERROR(
        calls_.Ask(methods::kServerInfo, v1::ServerInfoRequest(), options_.timeout, &response, [&] {
          info = wire::FromProto(response);
          return info.status();
        }));
    return info;
  }

 private:
  absl::Status Ask(const char* method, const google::protobuf::MessageLite& request,
                   google::protobuf::MessageLite* response) {
    return calls_.Ask(method, request, options_.timeout, response);
  }

  // Of a name without a version the newest one that any of several replicas has. False when that
  // is no question, or nobody answers it.
  absl::StatusOr<bool> FindNewest(const v1::GetDatasetRequest& request, v1::DatasetInfo& newest) {
    if (absl::StrContains(request.dataset(), '@')) return false;
    GF_ASSIGN_OR_RETURN(const bool several, calls_.Several());
    if (!several) return false;
    v1::DatasetInfo response;
    const auto is_newer = [&] {
      if (response.version() <= newest.version()) return false;
      newest = response;
      return true;
    };
    const absl::Status asked =
        calls_.AskEach(methods::kGetDataset, request, options_.timeout, &response, is_newer);
    if (absl::IsCancelled(asked)) return asked;
    return asked.ok();
  }

  absl::StatusOr<std::string> Pinned(const std::string& dataset) {
    v1::GetDatasetRequest request;
    request.set_dataset(dataset);
    v1::DatasetInfo newest;
    GF_ASSIGN_OR_RETURN(const bool found, FindNewest(request, newest));
    return found ? absl::StrCat(newest.name(), "@", newest.version()) : dataset;
  }

  static absl::StatusOr<std::vector<DatasetInfo>> ReadInfos(
      const google::protobuf::RepeatedPtrField<v1::DatasetInfo>& messages) {
    std::vector<DatasetInfo> infos;
    infos.reserve(static_cast<size_t>(messages.size()));
    for (const v1::DatasetInfo& message : messages) {
      GF_ASSIGN_OR_RETURN(DatasetInfo info, ReadAnswer(wire::FromProto(message)));
      infos.push_back(std::move(info));
    }
    return infos;
  }

  absl::StatusOr<GetBatchResult> ReadBatch(const StreamOptions& options, int64_t epoch,
                                           int64_t ordinal, v1::GetBatchResponse& response) const {
    GF_ASSIGN_OR_RETURN(StreamInfo info, ReadAnswer(wire::FromProto(response.header())));
    GF_RETURN_IF_ERROR(CheckStreamInfo(info, options));
    GF_ASSIGN_OR_RETURN(FrameInfo frame, ReadAnswer(wire::FromProto(response.frame())));
    if (frame.epoch != epoch || frame.ordinal != ordinal) {
      return absl::DataLossError(absl::StrCat("the server sent frame ", frame.ordinal, " of epoch ",
                                              frame.epoch, ", not ", ordinal, " of ", epoch));
    }
    GF_RETURN_IF_ERROR(CheckGraphIds(options, frame));
    GF_ASSIGN_OR_RETURN(FrameReader reader,
                        FrameReader::Create(info.layout, options_.max_frame_bytes,
                                            options.verify_digests, /*max_idle=*/0));
    const std::string& payload = response.frame().payload();
    GF_ASSIGN_OR_RETURN(Slab slab, reader.Allocate(static_cast<int64_t>(payload.size())));
    if (!payload.empty()) std::memcpy(slab.data(), payload.data(), payload.size());
    GF_ASSIGN_OR_RETURN(Batch batch, reader.Finish(std::move(frame), std::move(slab)));
    GetBatchResult result{.info = std::move(info), .batch = std::move(batch), .strings = {}};
    for (v1::StringColumn& column : *response.mutable_strings()) {
      result.strings.emplace_back(
          column.name(), std::vector<std::string>(column.values().begin(), column.values().end()));
    }
    return result;
  }

  const ClientOptions options_;
  const std::shared_ptr<Replicas> replicas_;  // shared with streams
  ReplicatedCalls calls_;
  WorkerCalls workers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const ClientOptions& options) {
  if (options.max_frame_bytes < 1 || options.max_frame_bytes > wire::kMaxFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("max_frame_bytes is ", options.max_frame_bytes,
                                                   "; it is between 1 and ", wire::kMaxFrameBytes));
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout is ", absl::FormatDuration(options.timeout), "; it is above 0"));
  }
  const std::pair<absl::string_view, absl::Duration> durations[] = {
      {"retry_timeout", options.retry_timeout},
      {"connect_timeout", options.connect_timeout},
      {"load_timeout", options.load_timeout}};
  for (const auto& [name, duration] : durations) {
    if (duration >= absl::ZeroDuration()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", absl::FormatDuration(duration), "; it is at least 0"));
  }
  const absl::Duration connect_timeout = options.connect_timeout > absl::ZeroDuration()
                                             ? options.connect_timeout
                                             : absl::Seconds(options.endpoints.size() > 1 ? 5 : 20);
  for (const auto& [name, duration] : {std::pair("keepalive_time", options.keepalive_time),
                                       std::pair("keepalive_timeout", options.keepalive_timeout)}) {
    if (duration > absl::ZeroDuration()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is ", absl::FormatDuration(duration), "; it is above 0"));
  }
  GF_RETURN_IF_ERROR(options.security.Check());
  GF_ASSIGN_OR_RETURN(
      std::shared_ptr<Replicas> replicas,
      Replicas::Create(options.endpoints,
                       {.endpoint = "",
                        .authority = "",
                        .max_receive_bytes = options.max_frame_bytes + kMessageOverheadBytes,
                        .connect_timeout = connect_timeout,
                        .keepalive_time = options.keepalive_time,
                        .keepalive_timeout = options.keepalive_timeout,
                        .use_proxy = options.use_proxy,
                        .security = options.security,
                        .interrupted = options.interrupted}));
  return std::make_unique<RpcClient>(options, std::move(replicas));
}

}  // namespace graphfeed
