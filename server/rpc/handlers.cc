#include "server/rpc/handlers.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "server/batching/resolve/sizes.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/spec.h"
#include "storage/partition/partition.h"

namespace graphfeed {
namespace {

// The graph-level string columns of a plain batch.
absl::Status ReadStrings(const Recipe& recipe, const std::vector<int64_t>& graphs,
                         v1::GetBatchResponse& response) {
  const std::vector<ColumnSchema>& columns = recipe.info().schema.columns;
  const std::vector<std::string>& excluded = recipe.spec().exclude_keys;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].dtype != DType::kString || columns[i].level != Level::kGraph ||
        std::binary_search(excluded.begin(), excluded.end(), columns[i].name)) {
      continue;
    }
    std::vector<RowRange> rows;
    rows.reserve(graphs.size());
    for (const int64_t graph : graphs) {
      rows.push_back({graph * columns[i].rows_per_graph, columns[i].rows_per_graph});
    }
    GF_ASSIGN_OR_RETURN(std::vector<std::string> values,
                        recipe.dataset().ReadStrings(static_cast<int>(i), rows));
    v1::StringColumn* column = response.add_strings();
    column->set_name(columns[i].name);
    for (std::string& value : values) column->add_values(std::move(value));
  }
  return absl::OkStatus();
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

void Describe(const Recipe& recipe, const EpochPlan& plan, const wire::PlanRequest& request,
              v1::DescribePlanResponse& response) {
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
  for (int64_t count : plan.GraphsPerBatch()) response.add_graphs_per_batch(count);
  const Fingerprint& fingerprint = recipe.info().fingerprint;
  response.set_fingerprint(fingerprint.data(), fingerprint.size());
  response.set_spec_digest(recipe.spec_digest.data(), recipe.spec_digest.size());
}

absl::Status BuildOne(BatchMaker& maker, const Recipe& recipe, const EpochPlan& plan,
                      const wire::BatchRequest& request, v1::GetBatchResponse& response) {
  const std::shared_ptr<const void> tables = recipe.HoldTables();
  SlabPool slabs(0);
  GF_ASSIGN_OR_RETURN(const BuiltFrame frame,
                      maker.Build(recipe, plan, request.seed, {.ordinal = request.ordinal},
                                  request.max_frame_bytes, slabs));
  *response.mutable_header() = wire::ToProto(recipe.Header(request.seed, 1));
  *response.mutable_frame() = wire::ToProto(frame.info);
  response.mutable_frame()->set_payload(frame.slab.data(), frame.slab.size());
  if (recipe.spec().strategy != Strategy::kPlain) return absl::OkStatus();
  std::vector<int64_t> graphs;
  plan.GraphsOf(request.ordinal, graphs);
  return ReadStrings(recipe, graphs, response);
}

}  // namespace

absl::Status Handlers::Handle(const v1::ListDatasetsRequest& /*request*/,
                              v1::ListDatasetsResponse& response) {
  for (const DatasetInfo& info : catalog_.List()) *response.add_datasets() = wire::ToProto(info);
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
  GF_ASSIGN_OR_RETURN(const DatasetInfo info,
                      catalog_.Get(absl::StrCat(request.name(), "@", request.version())));
  GF_RETURN_IF_ERROR(catalog_.Delete(request.name(), request.version()));
  maker_.Forget(info.fingerprint);
  return absl::OkStatus();
}

void Handlers::Handle(const v1::EstimateOptionsRequest& message,
                      v1::EstimateOptionsResponse& response, Done done) {
  absl::StatusOr<wire::SizeEstimateRequest> request = wire::ParseRequest(message);
  if (!request.ok()) return done(request.status());
  if (!request->spec.has_value()) return done(EstimateGraphs(catalog_, *request, response));
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
                maker_.Plan(*recipe, (*request)->seed, (*request)->epoch,
                            [recipe = *recipe, request, &response,
                             done = std::move(done)](const PlanOr& plan) mutable {
                              if (plan.ok()) Describe(*recipe, **plan, **request, response);
                              done(plan.status());
                            });
              });
}

void Handlers::Handle(const v1::GetBatchRequest& message, v1::GetBatchResponse& response,
                      Done done) {
  const auto request =
      std::make_shared<absl::StatusOr<wire::BatchRequest>>(wire::ParseRequest(message));
  if (!request->ok()) return done(request->status());
  maker_.Open(
      (*request)->dataset, (*request)->fingerprint, (*request)->spec, (*request)->max_frame_bytes,
      [this, request, &response, done = std::move(done)](RecipeOr recipe) mutable {
        if (!recipe.ok()) return done(recipe.status());
        // The slab, its copy in the answer, and the answer's bytes.
        const int64_t frame_bytes = (*recipe)->FrameBound((*request)->max_frame_bytes);
        PlaceOr place = admission_.Reserve(3 * frame_bytes, 1, (*recipe)->held_bytes());
        if (!place.ok()) return done(place.status());
        maker_.Plan(
            *recipe, (*request)->seed, (*request)->epoch,
            [this, request, recipe = *recipe, place = *std::move(place), &response,
             done = std::move(done)](const PlanOr& plan) mutable {
              if (!plan.ok()) {
                place.reset();  // free before the caller knows
                return done(plan.status());
              }
              builds_.Post([this, request, recipe = std::move(recipe), place = std::move(place),
                            plan = *plan, &response, done = std::move(done)]() mutable {
                const absl::Status status = BuildOne(maker_, *recipe, *plan, **request, response);
                recipe.reset();
                place.reset();
                done(status);
              });
            });
      });
}

absl::Status Handlers::Handle(const v1::PartitionDatasetRequest& message, v1::DatasetInfo& response,
                              const Interrupted& interrupted) {
  GF_ASSIGN_OR_RETURN(wire::PartitionRequest request, wire::ParseRequest(message));
  partition_bytes_ += options_.partition_memory;
  const absl::StatusOr<DatasetInfo> info = AddPartition(catalog_, request.dataset,
                                                        {.num_parts = request.num_parts,
                                                         .seed = request.seed,
                                                         .column = std::move(request.column),
                                                         .memory_bytes = options_.partition_memory,
                                                         .program = options_.partition_program,
                                                         .interrupted = interrupted});
  partition_bytes_ -= options_.partition_memory;
  if (absl::IsResourceExhausted(info.status())) {
    return absl::ResourceExhaustedError(
        absl::StrCat(info.status().message(), "; the server's --partition-memory bounds it"));
  }
  GF_RETURN_IF_ERROR(info.status());
  response = wire::ToProto(*info);
  return absl::OkStatus();
}

absl::Status Handlers::Handle(const v1::CreateSnapshotRequest& request,
                              v1::CreateSnapshotResponse& response) {
  if (options_.snapshot_dir.empty()) {
    return absl::FailedPreconditionError("the server has no --snapshot-dir");
  }
  // No name of this kind leaves the folder.
  if (absl::Status status = CheckDatasetName(request.name()); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", status.message()));
  }
  const std::filesystem::path folder =
      std::filesystem::path(options_.snapshot_dir) / request.name();
  std::error_code error;
  std::filesystem::create_directories(options_.snapshot_dir, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot create \"", options_.snapshot_dir, "\": ", error.message()));
  }
  GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> infos, catalog_.Snapshot(folder.string()));
  response.set_folder(std::filesystem::absolute(folder, error).string());
  for (const DatasetInfo& info : infos) *response.add_datasets() = wire::ToProto(info);
  return absl::OkStatus();
}

}  // namespace graphfeed
