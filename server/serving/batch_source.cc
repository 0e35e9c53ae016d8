#include "server/serving/batch_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

int64_t Sum(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

// What a stream's epochs share.
struct StreamPlan {
  BatchMaker& maker;
  std::shared_ptr<const Recipe> recipe;  // shared with the plan cache
  uint64_t seed;
  ShardPosition shard;  // of the first epoch; later ones start at ordinal 0
  int64_t first_epoch;
  int64_t max_frame_bytes;
  bool compact;
  SlabPool slabs;
};

class BatchEpoch final : public FrameSource::Epoch {
 public:
  BatchEpoch(std::shared_ptr<StreamPlan> stream, std::shared_ptr<const EpochPlan> plan,
             const ShardPosition& shard)
      : stream_(std::move(stream)), plan_(std::move(plan)), shard_(shard) {
    info_.epoch = plan_->epoch();
    info_.plan = plan_->summary();
    info_.plan.shard_frames = shard_.NumFrames(plan_->num_frames());
  }

  const EpochInfo& info() const override { return info_; }

  absl::StatusOr<BuiltFrame> Build(int64_t j) override {
    GF_ASSIGN_OR_RETURN(BuiltFrame frame,
                        stream_->maker.Build(*stream_->recipe, *plan_, stream_->seed,
                                             shard_.At(j, plan_->num_frames()),
                                             stream_->max_frame_bytes, stream_->slabs));
    if (stream_->compact) {
      frame.compact = Compact(stream_->recipe->layout(), frame.info.real, frame.slab.data());
      // A slab that is nearly all data is received faster as it is: without a copy between.
      if (frame.compact->payload_bytes > frame.slab.size() / 8 * 7) frame.compact.reset();
    }
    return frame;
  }

 private:
  const std::shared_ptr<StreamPlan> stream_;     // shared by the stream's epochs
  const std::shared_ptr<const EpochPlan> plan_;  // shared by all streams of this plan
  const ShardPosition shard_;
  EpochInfo info_;
};

class BatchSource final : public FrameSource {
 public:
  explicit BatchSource(std::shared_ptr<StreamPlan> stream) : stream_(std::move(stream)) {}

  absl::StatusOr<std::shared_ptr<Epoch>> OpenEpoch(int64_t epoch) override {
    GF_ASSIGN_OR_RETURN(std::shared_ptr<const EpochPlan> plan,
                        stream_->maker.Plan(stream_->recipe, stream_->seed, epoch));
    ShardPosition shard = stream_->shard;
    if (epoch != stream_->first_epoch) shard.start_ordinal = 0;
    // A shard that has received its share stands less than one round beyond the end.
    if (shard.start_ordinal >= plan->num_frames() + shard.num_shards) {
      return absl::InvalidArgumentError(absl::StrCat("start_ordinal: ", shard.start_ordinal,
                                                     "; epoch ", epoch, " has ", plan->num_frames(),
                                                     " frames"));
    }
    return std::make_shared<BatchEpoch>(stream_, std::move(plan), shard);
  }

 private:
  const std::shared_ptr<StreamPlan> stream_;
};

class MetricsObserver final : public StreamObserver {
 public:
  MetricsObserver(Metrics& metrics, const Recipe& recipe)
      : metrics_(metrics),
        strategy_(recipe.spec().strategy),
        padded_(recipe.spec().fixed_size()),
        padded_nodes_(Sum(recipe.layout().padded.nodes)),
        padded_edges_(Sum(recipe.layout().padded.edges)) {}

  void EpochOpened(const EpochInfo& info) override {
    metrics_.GraphsSkipped(info.plan.skipped_graphs);
  }

  void FrameSent(const FrameInfo& info, int64_t slab_bytes) override {
    Metrics::FrameCounts counts{.batches = static_cast<int64_t>(info.real.size()),
                                .bytes = slab_bytes,
                                .trimmed_nodes = Sum(info.trimmed.nodes),
                                .trimmed_edges = Sum(info.trimmed.edges)};
    for (const Counts& real : info.real) {
      counts.graphs += real.graphs;
      counts.real_nodes += Sum(real.nodes);
      counts.real_edges += Sum(real.edges);
    }
    if (padded_) {
      counts.padding_nodes = counts.batches * padded_nodes_ - counts.real_nodes;
      counts.padding_edges = counts.batches * padded_edges_ - counts.real_edges;
    }
    metrics_.FrameSent(strategy_, counts);
  }

  void Waited(Wait what, std::chrono::nanoseconds time) override {
    metrics_.StreamWaited(what == Wait::kClient, time);
  }

 private:
  Metrics& metrics_;
  const Strategy strategy_;
  const bool padded_;
  const int64_t padded_nodes_;
  const int64_t padded_edges_;
};

}  // namespace

absl::StatusOr<FrameStream::Opened> OpenStream(const wire::StreamRequest& request,
                                               BatchMaker& maker, Admission& admission,
                                               Metrics& metrics, const PrefetchLimits& limits) {
  GF_ASSIGN_OR_RETURN(
      std::shared_ptr<const Recipe> recipe,
      maker.Open(request.dataset, request.fingerprint, request.spec, request.max_frame_bytes));
  const uint32_t wanted =
      std::min(request.prefetch == 0 ? limits.default_frames : request.prefetch, limits.max_frames);
  GF_ASSIGN_OR_RETURN(
      std::shared_ptr<Admission::Place> place,
      admission.Reserve(recipe->FrameBound(request.max_frame_bytes) + recipe->scratch_bytes, wanted,
                        recipe->held_bytes()));

  // Ragged frames differ in size: a buffer kept for reuse would only stand beside the next one.
  const size_t idle_slabs = recipe->layout().ragged ? 0 : place->frames();
  std::shared_ptr<StreamPlan> stream(
      new StreamPlan{.maker = maker,
                     .recipe = recipe,
                     .seed = request.seed,
                     .shard = {.start_ordinal = request.start_ordinal,
                               .num_shards = request.num_shards,
                               .shard_index = request.shard_index,
                               .uneven = request.uneven_shards},
                     .first_epoch = request.start_epoch,
                     .max_frame_bytes = request.max_frame_bytes,
                     .compact = request.encoding == Encoding::kCompact && !recipe->layout().ragged,
                     .slabs = SlabPool(idle_slabs)});
  auto source = std::make_unique<BatchSource>(stream);
  GF_ASSIGN_OR_RETURN(std::shared_ptr<FrameSource::Epoch> first,
                      source->OpenEpoch(request.start_epoch));
  if (request.num_epochs == 0 && first->info().plan.num_frames == 0) {
    return absl::InvalidArgumentError(absl::StrCat("num_epochs: 0 means without end, but epoch ",
                                                   request.start_epoch, " has no frames"));
  }
  FrameStream::Opened opened;
  opened.header = recipe->Header(request.seed, place->frames());
  opened.source = std::move(source);
  opened.first_epoch = std::move(first);
  opened.num_epochs = request.num_epochs;
  opened.reservation = std::move(place);
  opened.observer = std::make_shared<MetricsObserver>(metrics, *recipe);
  return opened;
}

}  // namespace graphfeed
