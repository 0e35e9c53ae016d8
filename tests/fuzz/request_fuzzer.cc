// Any request, as far as its first batches: refused with a reason, or a layout within the limit, a
// plan, a frame. The first byte chooses the message and the dataset that it is asked of.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/slab.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "proto/wire/worker_messages.h"
#include "server/batching/collater.h"
#include "server/batching/graph_filler.h"
#include "server/batching/plan.h"
#include "server/batching/resolve/sizes.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/sizing/choose_sizes.h"
#include "tests/support/memory_features.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxFrameBytes = 1 << 20;

// Six graphs; heterogeneous ones have two node types and two edge types.
std::unique_ptr<MemoryDataset> MakeDataset(bool heterogeneous) {
  Schema schema = Schema::Homogeneous(/*collection=*/true);
  if (heterogeneous) {
    schema.heterogeneous = true;
    schema.node_types = {"movie", "actor"};
    schema.edge_types = {{.source = 0, .relation = "to", .target = 1},
                         {.source = 1, .relation = "to", .target = 0}};
  }
  const int num_types = static_cast<int>(schema.node_types.size());
  for (int type = 0; type < num_types; ++type) {
    schema.columns.push_back(NodeColumn("x", DType::kFloat32, {2}, type));
    schema.columns.push_back(NodeColumn("z", DType::kInt64, {}, type));
    schema.columns.push_back(EdgeIndexColumn(schema, type));
  }
  schema.columns.push_back(GraphColumn("y", DType::kInt64, {1}));
  auto dataset = std::make_unique<MemoryDataset>(schema);
  for (int64_t graph = 0; graph < 6; ++graph) {
    const int64_t nodes = graph + 1;
    const int64_t edges = 2 * graph;
    dataset->AddGraph(std::vector<int64_t>(num_types, nodes),
                      std::vector<int64_t>(num_types, edges));
    for (int type = 0; type < num_types; ++type) {
      const std::string store = schema.StoreName(Level::kNode, type);
      dataset->Append<float>("x", std::vector<float>(nodes * 2, 0.5f), store);
      dataset->Append<int64_t>("z", std::vector<int64_t>(nodes, graph * 1000), store);
      dataset->Append<int64_t>("edge_index", std::vector<int64_t>(edges * 2, graph / 2),
                               schema.StoreName(Level::kEdge, type));
    }
    dataset->Append<int64_t>("y", {graph});
  }
  dataset->Finish();
  return dataset;
}

// A refusal must say something and must be the asker's fault.
void CheckRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kNotFound:
      if (!status.message().empty()) return;
      break;
    default:
      break;
  }
  std::abort();
}

void Batch(const BatchSpec& request, uint64_t seed, int64_t epoch, int64_t ordinal,
           MemoryDataset& dataset) {
  const absl::StatusOr<ResolvedSpec> spec = ResolveSpec(request, dataset.info(), dataset.offsets());
  if (!spec.ok()) return CheckRefusal(spec.status());

  // What the server sends back asks for the same.
  const auto again = wire::FromProto(wire::ToProto(SpecFromResolved(*spec, dataset.schema())));
  if (!again.ok()) std::abort();
  const auto resolved = ResolveSpec(*again, dataset.info(), dataset.offsets());
  if (!resolved.ok() ||
      SpecDigest(*resolved, dataset.schema()) != SpecDigest(*spec, dataset.schema())) {
    std::abort();
  }

  const auto collater =
      Collater::Create(dataset.schema(), *spec, kMaxFrameBytes,
                       std::make_unique<GraphFiller>(dataset.schema(), dataset.offsets(), *spec));
  if (!collater.ok()) return CheckRefusal(collater.status());
  const Layout& layout = (*collater)->layout();
  if (!layout.ragged && layout.slab_bytes > kMaxFrameBytes) std::abort();
  const auto layout_again = wire::FromProto(wire::ToProto(layout));
  if (!layout_again.ok()) std::abort();

  const auto plan = EpochPlan::Create(*spec, dataset.offsets(), seed, epoch);
  if (!plan.ok()) return CheckRefusal(plan.status());
  if ((*plan)->num_frames() == 0) return;
  SlabPool slabs(0);
  Slab slab;
  FrameInfo info;
  const absl::Status collated = (*collater)->Collate(
      **plan, seed, ordinal % (*plan)->num_frames(), false, dataset, kMaxFrameBytes,
      [&](int64_t size) {
        if (size > kMaxFrameBytes) std::abort();
        slab = slabs.Take(size);
        return slab.data();
      },
      info);
  if (!collated.ok()) CheckRefusal(collated);
}

// Messages, as far as they go without a store.
template <typename Message>
void RoundTrip(const Message& message) {
  auto value = wire::FromProto(message);
  if (!value.ok()) return CheckRefusal(value.status());
  const auto again = wire::FromProto(wire::ToProto(*value));
  if (!again.ok()) std::abort();
}

void Fuzz(const uint8_t* data, size_t size) {
  static MemoryDataset* const datasets[] = {MakeDataset(false).release(),
                                            MakeDataset(true).release()};
  if (size == 0) return;
  MemoryDataset& dataset = *datasets[data[0] & 1];
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] >> 1) {
    case 0: {
      v1::StreamBatchesRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      return Batch(request->spec, request->seed, request->start_epoch, request->start_ordinal,
                   dataset);
    }
    case 1: {
      v1::GetBatchRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      return Batch(request->spec, request->seed, request->epoch, request->ordinal, dataset);
    }
    case 2: {
      v1::DescribePlanRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      const ShardPosition shard{.start_ordinal = 0,
                                .num_shards = request->num_shards,
                                .shard_index = request->shard_index,
                                .uneven = request->uneven_shards};
      for (int64_t num_frames : {0, 1, 7}) {
        const int64_t frames = shard.NumFrames(num_frames);
        if (frames < 0 || frames > num_frames) std::abort();
        for (int64_t j = 0; j < frames; ++j) {
          const ShardPosition::Step step = shard.At(j, num_frames);
          if (!step.null_frame && (step.ordinal < 0 || step.ordinal >= num_frames)) std::abort();
        }
      }
      return;
    }
    case 3: {
      v1::EstimateOptionsRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      if (!(request->quantile > 0 && request->quantile <= 1)) std::abort();
      if (request->best.has_value()) {
        if (!request->spec.has_value()) std::abort();
        RoundTrip(wire::ToProto(*request->best));
        const auto choice = ChooseSizes(*request->spec, *request->best, dataset.info(),
                                        dataset.offsets(), wire::kMaxFrameBytes);
        if (!choice.ok()) CheckRefusal(choice.status());
        return;
      }
      if (request->spec.has_value()) return RoundTrip(wire::ToProto(*request->spec));
      const auto options = EstimateSizes(dataset.schema(), dataset.offsets(), request->selection,
                                         request->batch_size, request->sample_limit);
      if (!options.ok()) CheckRefusal(options.status());
      return;
    }
    case 4: {
      v1::IngestBegin message;
      if (message.ParseFromString(bytes)) RoundTrip(message);
      return;
    }
    case 5: {
      v1::IngestBlock message;
      if (message.ParseFromString(bytes)) RoundTrip(message);
      return;
    }
    case 6: {
      v1::DatasetInfo message;
      if (message.ParseFromString(bytes)) RoundTrip(message);
      return;
    }
    case 7: {
      v1::Sampling message;
      if (message.ParseFromString(bytes)) RoundTrip(message);
      return;
    }
    case 8: {
      v1::EstimateOptionsResponse message;
      if (message.ParseFromString(bytes)) RoundTrip(message);
      return;
    }
    case 9: {
      v1::PartitionDatasetRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      if (request->num_parts < 1 || request->column.empty()) std::abort();
      return;
    }
    case 10: {
      v1::ReportWorkerMetricsRequest message;
      if (!message.ParseFromString(bytes)) return;
      const auto request = wire::ParseRequest(message);
      if (!request.ok()) return CheckRefusal(request.status());
      return RoundTrip(wire::ToProto(request->report));
    }
    default:
      return;
  }
}

}  // namespace
}  // namespace graphfeed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  graphfeed::Fuzz(data, size);
  return 0;
}
