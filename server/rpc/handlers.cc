#include "server/rpc/handlers.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "proto/wire/server_info_messages.h"
#include "proto/wire/worker_messages.h"
#include "server/batching/algorithms.h"
#include "server/batching/resolve/sizes.h"
#include "server/serving/batch_source.h"
#include "server/serving/snapshots.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/ingest/spec.h"
#include "storage/partition/partition.h"

namespace graphfeed {
namespace {

// The graph-level string columns that a plain batch has, and how many bytes they take.
struct Strings {
  struct Column {
    int index = 0;
    std::vector<RowRange> rows;
  };
  std::vector<Column> columns;
  int64_t bytes = 0;
};

// Stops counting beyond `max_bytes`.
absl::StatusOr<Strings> CountStrings(const Recipe& recipe, const std::vector<int64_t>& graphs,
                                     int64_t max_bytes) {
  const std::vector<ColumnSchema>& columns = recipe.info().schema.columns;
  const std::vector<std::string>& excluded = recipe.spec().exclude_keys;
  Strings strings;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].dtype != DType::kString || columns[i].level != Level::kGraph ||
        std::binary_search(excluded.begin(), excluded.end(), columns[i].name)) {
      continue;
    }
    Strings::Column& column = strings.columns.emplace_back();
    column.index = static_cast<int>(i);
    column.rows.reserve(graphs.size());
    for (const int64_t graph : graphs) {
      column.rows.push_back(recipe.dataset().offsets().RowsOf(columns, i, graph));
      GF_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes,
                          recipe.dataset().StringSizes(column.index, column.rows.back()));
      // As std::string; on the wire each takes less.
      for (const int64_t size : sizes) strings.bytes += size + int64_t{sizeof(std::string)};
      if (strings.bytes > max_bytes) return strings;
      GF_RETURN_IF_ERROR(CheckWanted());
    }
  }
  return strings;
}

absl::Status ReadStrings(const Recipe& recipe, const Strings& strings,
                         v1::GetBatchResponse& response) {
  for (const Strings::Column& column : strings.columns) {
    GF_ASSIGN_OR_RETURN(std::vector<std::string> values,
                        recipe.dataset().ReadStrings(column.index, column.rows));
    v1::StringColumn* out = response.add_strings();
    out->set_name(recipe.info().schema.columns[static_cast<size_t>(column.index)].name);
    for (std::string& value : values) out->add_values(std::move(value));
  }
  return absl::OkStatus();
}

// By purpose, as ServerInfo names them.
std::map<std::string, uint32_t> VersionsByPurpose(const AlgorithmVersions& versions) {
  std::map<std::string, uint32_t> result = {{"batches", kAlgorithmVersion}};
  VisitAlgorithms([&](const char* name, auto member) { result[name] = versions.*member; });
  return result;
}

using RecipeOr = absl::StatusOr<std::shared_ptr<const Recipe>>;
using PlanOr = absl::StatusOr<std::shared_ptr<const EpochPlan>>;
using PlaceOr = absl::StatusOr<std::shared_ptr<Admission::Place>>;

// Sizes from the graphs' own, without a batch being made.
absl::Status EstimateGraphs(Catalog& catalog, const wire::SizeEstimateRequest& request,
                            v1::EstimateOptionsResponse& response) {
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset, catalog.OpenDataset(request.dataset));
  const Schema& schema = dataset->info().schema;
  GF_ASSIGN_OR_RETURN(const ResolvedOptions options,
                      EstimateSizes(schema, dataset->offsets(), request.selection,
                                    request.batch_size, request.sample_limit));
  *response.mutable_options() = wire::ToProto(RequestFromOptions(options, schema));
  return absl::OkStatus();
}

void Describe(const Recipe& recipe, const EpochPlan& plan, absl::Span<const int64_t> histogram,
              const wire::PlanRequest& request, v1::DescribePlanResponse& response) {
  const ShardPosition shard{.start_ordinal = 0,
                            .num_shards = request.num_shards,
                            .shard_index = request.shard_index,
                            .uneven = request.uneven_shards};
  PlanSummary summary = plan.summary();
  summary.shard_frames = shard.NumFrames(plan.num_frames());
  *response.mutable_plan() = wire::ToProto(summary);
  *response.mutable_resolved_spec() =
      wire::ToProto(SpecFromResolved(recipe.spec(), recipe.info().schema));
  *response.mutable_layout() = wire::ToProto(recipe.layout());
  response.mutable_graphs_per_batch()->Assign(histogram.begin(), histogram.end());
  const Fingerprint& fingerprint = recipe.info().fingerprint;
  response.set_fingerprint(fingerprint.data(), fingerprint.size());
  response.set_spec_digest(recipe.spec_digest.data(), recipe.spec_digest.size());
}

// Strings count as the frame does: in the limit of its bytes, and in what is reserved.
absl::Status AddStrings(Admission& admission, const Recipe& recipe, const EpochPlan& plan,
                        const wire::BatchRequest& request, BatchReply& reply) {
  std::vector<int64_t> graphs;
  plan.GraphsOf(request.ordinal, graphs);
  const int64_t max_bytes = request.max_frame_bytes - reply.frame.slab.size();
  GF_ASSIGN_OR_RETURN(const Strings strings, CountStrings(recipe, graphs, max_bytes));
  if (strings.bytes > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a batch of ", reply.frame.slab.size(), " bytes with strings of ", strings.bytes,
        " bytes or more; max_frame_bytes is ", request.max_frame_bytes));
  }
  // As they are read, and as they are sent.
  GF_ASSIGN_OR_RETURN(reply.memory.emplace_back(),
                      admission.ReserveShared("the strings of a batch", 2 * strings.bytes));
  return ReadStrings(recipe, strings, reply.message);
}

absl::Status BuildOne(BatchMaker& maker, Admission& admission, const Recipe& recipe,
                      const EpochPlan& plan, const wire::BatchRequest& request, BatchReply& reply) {
  const std::shared_ptr<const void> tables = recipe.HoldTables();
  SlabPool slabs(0);
  const auto take = [&](int64_t size) { return slabs.Take(size); };
  GF_RETURN_IF_ERROR(
      maker.Build(recipe, plan, request.seed, {.ordinal = request.ordinal},
                  {.max_frame_bytes = request.max_frame_bytes, .graph_ids = request.graph_ids},
                  take, reply.frame));
  *reply.message.mutable_header() = wire::ToProto(recipe.Header(request.seed, 1));
  if (recipe.spec().strategy != Strategy::kPlain) return absl::OkStatus();
  return AddStrings(admission, recipe, plan, request, reply);
}

// The first of what is listed, as much as a message has room for; at least one. Returns how many.
template <typename Message, typename Values>
int AddMessages(const Values& values, google::protobuf::RepeatedPtrField<Message>& messages) {
  size_t bytes = 0;
  int count = 0;
  for (const auto& value : values) {
    Message message = wire::ToProto(value);
    bytes += message.ByteSizeLong();
    if (count > 0 && bytes > wire::kListPageBytes) break;
    *messages.Add() = std::move(message);
    ++count;
  }
  return count;
}

std::vector<DatasetInfo> GrantedTo(const Principal& caller, std::vector<DatasetInfo> infos) {
  std::erase_if(infos, [&](const DatasetInfo& info) { return !caller.MayUse(info.name); });
  return infos;
}

}  // namespace

absl::Status Handlers::Handle(const v1::ListDatasetsRequest& request,
                              v1::ListDatasetsResponse& response, const Principal& caller) {
  const std::vector<DatasetInfo> infos = GrantedTo(caller, catalog_.List());
  auto first = infos.begin();
  if (!request.after().empty()) {
    GF_ASSIGN_OR_RETURN(const DatasetReference after, ParseDatasetReference(request.after()));
    if (!after.version.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("after: \"", request.after(), "\" names no version; NAME@VERSION"));
    }
    first = std::find_if(infos.begin(), infos.end(), [&](const DatasetInfo& info) {
      return std::tie(info.name, info.version) > std::tie(after.name, *after.version);
    });
  }
  const auto left = static_cast<size_t>(infos.end() - first);
  const int listed = AddMessages<v1::DatasetInfo>(absl::MakeConstSpan(infos).last(left),
                                                  *response.mutable_datasets());
  response.set_more(static_cast<size_t>(listed) < left);
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::GetDatasetRequest& request, v1::DatasetInfo& response) {
  if (request.dataset().empty()) return absl::InvalidArgumentError("dataset: not set");
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, catalog_.Get(request.dataset()));
  response = wire::ToProto(info);
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::DeleteVersionRequest& request,
                              v1::DeleteVersionResponse& /*response*/) {
  if (request.name().empty()) return absl::InvalidArgumentError("name: not set");
  if (request.version() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("version: ", request.version(), "; name the version, at least 1"));
  }
  GF_RETURN_IF_ERROR(rules_.CheckMayDelete(request.name(), request.version()));
  return catalog_.Delete(request.name(), request.version());
}

void Handlers::Handle(const v1::EstimateOptionsRequest& message,
                      v1::EstimateOptionsResponse& response, Done done) {
  absl::StatusOr<wire::SizeEstimateRequest> request = wire::ParseRequest(message);
  if (!request.ok()) return done(request.status());
  if (!request->spec.has_value()) return done(EstimateGraphs(catalog_, *request, response));
  if (request->best.has_value()) {
    const absl::StatusOr<SizeChoice> choice =
        maker_.ChooseSizes(request->dataset, *request->spec, *request->best);
    if (choice.ok()) response = wire::ToProto(*choice);
    return done(choice.status());
  }
  maker_.EstimateSizes(
      request->dataset, *request->spec,
      {.seed = request->seed,
       .epoch = request->epoch,
       .num_samples = request->sample_limit,
       .quantile = request->quantile},
      [&response, done = std::move(done)](const absl::StatusOr<SizeEstimate>& estimate) mutable {
        if (estimate.ok()) response = wire::ToProto(*estimate);
        done(estimate.status());
      });
}

void Handlers::Handle(const v1::DescribePlanRequest& message, v1::DescribePlanResponse& response,
                      Done done) {
  const auto request =
      std::make_shared<absl::StatusOr<wire::PlanRequest>>(wire::ParseRequest(message));
  if (!request->ok()) return done(request->status());
  maker_.Open((*request)->dataset, std::nullopt, (*request)->spec, wire::kMaxFrameBytes,
              [this, request, &response, done = std::move(done)](RecipeOr recipe) mutable {
                if (!recipe.ok()) return done(recipe.status());
                maker_.Plan(
                    *recipe, (*request)->seed, (*request)->epoch,
                    [this, recipe = *recipe, request, &response,
                     done = std::move(done)](const PlanOr& plan) mutable {
                      if (!plan.ok()) return done(plan.status());
                      // Counted and in the answer.
                      const auto charge = maker_.ChargePlans("a histogram of graphs per batch",
                                                             2 * (*plan)->histogram_bytes());
                      if (!charge.ok()) return done(charge.status());
                      Describe(*recipe, **plan, (*plan)->GraphsPerBatch(), **request, response);
                      done(absl::OkStatus());
                    });
              });
}

void Handlers::Handle(const v1::GetBatchRequest& message, BatchReply& response, Done done,
                      const std::shared_ptr<Tenant>& tenant) {
  const auto request =
      std::make_shared<absl::StatusOr<wire::BatchRequest>>(wire::ParseRequest(message));
  if (!request->ok()) return done(request->status());
  maker_.Open(
      (*request)->dataset, (*request)->fingerprint, (*request)->spec, (*request)->max_frame_bytes,
      [this, request, tenant, &response, done = std::move(done)](RecipeOr recipe) mutable {
        if (!recipe.ok()) return done(recipe.status());
        // Until it has been sent.
        const int64_t id_bytes = (*request)->graph_ids ? (*recipe)->graph_id_bytes() : 0;
        const absl::StatusOr<Admission::Need> need =
            WithinQuota({.frame_bytes = (*recipe)->FrameBound((*request)->max_frame_bytes),
                         .fixed_bytes = (*recipe)->held_bytes() + id_bytes},
                        {.tenant = tenant, .streams = nullptr});
        if (!need.ok()) return done(need.status());
        PlaceOr place = admission_.Reserve(*need);
        if (!place.ok()) return done(place.status());
        maker_.Plan(*recipe, (*request)->seed, (*request)->epoch,
                    [this, request, recipe = *recipe, place = *std::move(place), &response,
                     done = std::move(done)](const PlanOr& plan) mutable {
                      if (!plan.ok()) {
                        place.reset();  // free before the caller knows
                        return done(plan.status());
                      }
                      builds_.Post([this, request, recipe = std::move(recipe),
                                    place = std::move(place), plan = *plan, &response,
                                    done = std::move(done), token = WorkScope::Token()]() mutable {
                        const WorkScope scope(std::move(token));
                        response.memory.push_back(std::move(place));
                        const absl::Status status = WithinMemory([&] {
                          return BuildOne(maker_, admission_, *recipe, *plan, **request, response);
                        });
                        recipe.reset();
                        if (!status.ok()) response = BatchReply();  // free before the caller knows
                        done(status);
                      });
                    });
      });
}

absl::Status Handlers::Handle(const v1::PartitionDatasetRequest& message, v1::DatasetInfo& response,
                              StoredQuota& quota, const Interrupted& interrupted) {
  GF_ASSIGN_OR_RETURN(wire::PartitionRequest request, wire::ParseRequest(message));
  GF_RETURN_IF_ERROR(rules_.CheckMayChange());
  GF_ASSIGN_OR_RETURN(const DatasetInfo base, catalog_.Get(request.dataset));
  GF_RETURN_IF_ERROR(quota.Check());
  GF_RETURN_IF_ERROR(quota.Add(base.raw_bytes + PartitionBytes(base)));
  const auto check_room = [this] { return rules_.CheckRoom("a partition"); };
  GF_RETURN_IF_ERROR(check_room());
  partition_bytes_ += options_.partition_memory;
  const absl::Cleanup over = [this] { partition_bytes_ -= options_.partition_memory; };
  absl::Status low;  // on the disk
  const Interrupted check = [&] {
    GF_RETURN_IF_ERROR(interrupted());
    low = check_room();
    return low;
  };
  const absl::StatusOr<DatasetInfo> info = AddPartition(catalog_, request.dataset,
                                                        {.num_parts = request.num_parts,
                                                         .seed = request.seed,
                                                         .column = std::move(request.column),
                                                         .memory_bytes = options_.partition_memory,
                                                         .program = options_.partition_program,
                                                         .interrupted = check});
  GF_RETURN_IF_ERROR(low);
  if (absl::IsResourceExhausted(info.status())) {
    return absl::ResourceExhaustedError(
        absl::StrCat(info.status().message(), "; the server's --partition-memory bounds it"));
  }
  GF_RETURN_IF_ERROR(info.status());
  response = wire::ToProto(*info);
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::CreateSnapshotRequest& request,
                              v1::CreateSnapshotResponse& response, const Principal& caller) {
  if (options_.snapshot_dir.empty()) {
    return absl::FailedPreconditionError(
        "the server has no --snapshot-dir; of what is in a --store, versions are exported or "
        "synced");
  }
  if (TimeOfScheduledSnapshot(request.name()).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("name: \"", request.name(),
                     "\" is that of a snapshot that --snapshot-every makes and removes"));
  }
  GF_ASSIGN_OR_RETURN(std::vector<DatasetInfo> all,
                      MakeSnapshot(catalog_, rules_, options_.snapshot_dir, request.name()));
  const std::vector<DatasetInfo> infos = GrantedTo(caller, std::move(all));
  const std::filesystem::path folder =
      std::filesystem::path(options_.snapshot_dir) / request.name();
  std::error_code error;
  response.set_folder(std::filesystem::absolute(folder, error).string());
  const int listed = AddMessages<v1::DatasetInfo>(infos, *response.mutable_datasets());
  response.set_more(static_cast<size_t>(listed) < infos.size());
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::ReportWorkerMetricsRequest& message,
                              v1::ReportWorkerMetricsResponse& /*response*/,
                              const Principal& caller) {
  GF_ASSIGN_OR_RETURN(wire::ReportRequest request, wire::ParseRequest(message));
  return workers_.Report(std::move(request.report), request.last_taken, caller.name);
}

absl::Status Handlers::Handle(const v1::ListWorkersRequest& request,
                              v1::ListWorkersResponse& response, const Principal& caller) {
  constexpr size_t kPage = 1000;
  std::string after = request.after();
  std::vector<WorkerStatus> workers;
  bool more = true;
  while (workers.empty() && more) {
    workers = workers_.List(after, kPage);
    more = workers.size() == kPage;
    if (!workers.empty()) after = workers.back().report.worker;
    std::erase_if(
        workers, [&](const WorkerStatus& worker) { return !caller.MayUse(worker.report.dataset); });
  }
  const int listed = AddMessages<v1::WorkerStatus>(workers, *response.mutable_workers());
  response.set_more(static_cast<size_t>(listed) < workers.size() || more);
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::ServerInfoRequest& /*request*/,
                              v1::ServerInfoResponse& response) {
  ServerInfo info = options_.info;
  info.algorithm_versions = VersionsByPurpose(kAlgorithms);
  if (options_.load) info.load = options_.load();
  response = wire::ToProto(info);
  return absl::OkStatus();
}

}  // namespace graphfeed
