#include "server/serving/batch_source.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/frame/error_details.h"
#include "server/sharing/slab_ring.h"
#include "server/sharing/slab_socket.h"
#include "storage/base/arithmetic.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// What a stream's epochs share.
struct StreamPlan {
  std::shared_ptr<SlabPool> CurrentSlabs() {
    MutexLock lock(&mu);
    return slabs;
  }

  BatchMaker& maker;
  std::shared_ptr<const Recipe> recipe;  // shared with the plan cache
  uint64_t seed;
  ShardPosition shard;  // of the first epoch; later ones start at ordinal 0
  int64_t first_epoch;
  BatchMaker::FrameOptions frames;
  bool compact;
  std::shared_ptr<SlabPool> slabs ABSL_GUARDED_BY(mu);  // shared with frames that are being built
  std::shared_ptr<SlabRing> ring;      // instead of them; shared with the client and its frames
  std::shared_ptr<const void> tables;  // of its sampler, if it uses any
  Mutex mu = {};
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

  absl::Status Build(int64_t j, BuiltFrame& frame) override {
    GF_RETURN_IF_ERROR(stream_->maker.Build(
        *stream_->recipe, *plan_, stream_->seed, shard_.At(j, plan_->num_frames()), stream_->frames,
        [this](int64_t size) {
          return stream_->ring != nullptr ? stream_->ring->Take()
                                          : stream_->CurrentSlabs()->Take(size);
        },
        frame));
    frame.ring = stream_->ring;
    if (frame.ring == nullptr && stream_->compact) {
      frame.compact = Compact(stream_->recipe->layout(), frame.info.real, frame.slab.data());
      // A slab that is nearly all data is received faster as it is: without a copy between.
      if (frame.compact->payload_bytes > frame.slab.size() / 8 * 7) frame.compact.reset();
    }
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<StreamPlan> stream_;     // shared by the stream's epochs
  const std::shared_ptr<const EpochPlan> plan_;  // shared by all streams of this plan
  const ShardPosition shard_;
  EpochInfo info_;
};

FrameSource::EpochOr MakeEpoch(std::shared_ptr<StreamPlan> stream, int64_t epoch,
                               std::shared_ptr<const EpochPlan> plan) {
  ShardPosition shard = stream->shard;
  if (epoch != stream->first_epoch) shard.start_ordinal = 0;
  // A shard that has received its share stands less than one round beyond the end.
  if (shard.start_ordinal >= plan->num_frames() + shard.num_shards) {
    return absl::InvalidArgumentError(absl::StrCat("start_ordinal: ", shard.start_ordinal,
                                                   "; epoch ", epoch, " has ", plan->num_frames(),
                                                   " frames"));
  }
  return std::make_shared<BatchEpoch>(std::move(stream), std::move(plan), shard);
}

class BatchSource final : public FrameSource {
 public:
  explicit BatchSource(std::shared_ptr<StreamPlan> stream) : stream_(std::move(stream)) {}

  void OpenEpoch(int64_t epoch, absl::AnyInvocable<void(EpochOr)> done) override {
    stream_->maker.Plan(
        stream_->recipe, stream_->seed, epoch,
        [stream = stream_, epoch,
         done = std::move(done)](absl::StatusOr<std::shared_ptr<const EpochPlan>> plan) mutable {
          done(plan.ok() ? MakeEpoch(std::move(stream), epoch, *std::move(plan)) : plan.status());
        });
  }

  // Clients ask for one epoch at a time: the next one's first batch does not wait for its packing.
  void Foresee(int64_t epoch) override {
    if (!Packs(stream_->recipe->spec().strategy) || !stream_->recipe->spec().shuffle) return;
    stream_->maker.Plan(stream_->recipe, stream_->seed, epoch,
                        [](const absl::StatusOr<std::shared_ptr<const EpochPlan>>&) {});
  }

  // What was deleted is read to the end by those who read it.
  bool StillThere() override { return stream_->maker.IsStored(*stream_->recipe); }

  void KeepBuffers(uint32_t frames) override {
    const uint32_t before = kept_.exchange(frames);
    if (stream_->ring != nullptr) {
      if (frames < before) stream_->ring->DiscardFree();
    } else if (!stream_->recipe->layout().ragged) {
      // What the old one has goes; what is out is freed when it comes back.
      auto slabs = std::make_shared<SlabPool>(frames);
      MutexLock lock(&stream_->mu);
      slabs.swap(stream_->slabs);
    }
  }

 private:
  const std::shared_ptr<StreamPlan> stream_;
  std::atomic<uint32_t> kept_ = UINT32_MAX;
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
                                .trimmed_edges = Sum(info.trimmed.edges),
                                .padded = padded_};
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

  void FramesDropped(int64_t count) override { metrics_.FramesDropped(count); }

  void Waited(Wait what, std::chrono::nanoseconds time) override {
    using Time = Metrics::StreamTime;
    metrics_.StreamSpent(what == Wait::kClient  ? Time::kForClient
                         : what == Wait::kBuild ? Time::kForBuild
                                                : Time::kOverlap,
                         time);
  }

 private:
  Metrics& metrics_;
  const Strategy strategy_;
  const bool padded_;
  const int64_t padded_nodes_;
  const int64_t padded_edges_;
};

// A stream that is being opened.
struct Opening {
  std::shared_ptr<StreamPlan> stream;       // shared with its source and epochs
  std::shared_ptr<Admission::Place> place;  // shared with the stream and its frames
  int64_t num_epochs = 1;
  uint32_t wanted_frames = 0;
  uint32_t max_out = 0;
  bool passage_messages = false;
};

// Frames that its caller's other streams give back come free within that time.
constexpr absl::Duration kQuotaRetryDelay = absl::Seconds(1);

// What a client that shares memory may have of it that it has not looked at: beyond what it holds,
// frames wait here, where they can give way.
constexpr uint32_t kUnreadFrames = 2;

// The memory that a client of this host shares, if it asked for that and it can be had: null is no
// error, its frames travel.
std::shared_ptr<SlabRing> ShareMemory(const wire::StreamRequest& request, uint32_t frames,
                                      const Recipe& recipe, const Admission& admission,
                                      SlabSocket* sharing) {
  if (sharing == nullptr || request.passage_token.empty() || recipe.layout().ragged) return nullptr;
  // What clients keep of streams that have ended is nobody's promise, but memory.
  if (SlabRing::KeptBytes() > admission.capacity_bytes() / 2) return nullptr;
  absl::StatusOr<std::shared_ptr<SlabRing>> ring =
      SlabRing::Create(frames, recipe.layout().slab_bytes);
  if (!ring.ok() || !sharing->Pass(request.passage_token, *ring)) return nullptr;
  return *std::move(ring);
}

Admission::Need NeedOf(const wire::StreamRequest& request, const PrefetchLimits& limits,
                       const Recipe& recipe) {
  const uint32_t wanted =
      std::min(request.prefetch == 0 ? limits.default_frames : request.prefetch, limits.max_frames);
  const uint32_t held = request.passage_token.empty() || recipe.layout().ragged
                            ? 0
                            : std::min(request.held_frames, limits.max_frames);
  return {.frame_bytes = recipe.FrameBound(request.max_frame_bytes) +
                         (request.graph_ids ? recipe.graph_id_bytes() : 0),
          .frames = wanted,
          .fixed_bytes = recipe.held_bytes(),
          .spare_frames = held};
}

Opening OpenIn(std::shared_ptr<Admission::Place> place, const Admission::Need& need,
               const wire::StreamRequest& request, BatchMaker& maker, const Admission& admission,
               SlabSocket* sharing, const std::shared_ptr<const Recipe>& recipe) {
  Opening opening{.stream = nullptr, .place = std::move(place), .num_epochs = request.num_epochs};
  // Ragged frames differ in size: a buffer kept for reuse would only stand beside the next one.
  const size_t idle_slabs = recipe->layout().ragged ? 0 : opening.place->frames();
  opening.stream.reset(new StreamPlan{
      .maker = maker,
      .recipe = recipe,
      .seed = request.seed,
      .shard = {.start_ordinal = request.start_ordinal,
                .num_shards = request.num_shards,
                .shard_index = request.shard_index,
                .uneven = request.uneven_shards},
      .first_epoch = request.start_epoch,
      .frames = {.max_frame_bytes = request.max_frame_bytes, .graph_ids = request.graph_ids},
      .compact = request.encoding == Encoding::kCompact && !recipe->layout().ragged,
      .slabs = std::make_shared<SlabPool>(idle_slabs),
      .ring = ShareMemory(request, opening.place->frames(), *recipe, admission, sharing),
      .tables = recipe->HoldTables()});
  // A ring has its places from the beginning.
  const bool shares = opening.stream->ring != nullptr;
  opening.wanted_frames = shares ? opening.place->frames() : need.frames;
  opening.max_out = shares ? need.spare_frames + kUnreadFrames : 0;
  opening.passage_messages = shares && request.passage_messages;
  return opening;
}

absl::StatusOr<FrameStream::Opened> FinishOpening(Opening opening, Metrics& metrics,
                                                  FrameSource::EpochOr first) {
  if (!first.ok()) return first.status();
  const PlanSummary& plan = (*first)->info().plan;
  const ShardPosition whole{.start_ordinal = 0,
                            .num_shards = opening.stream->shard.num_shards,
                            .shard_index = opening.stream->shard.shard_index,
                            .uneven = opening.stream->shard.uneven};
  if (opening.num_epochs == 0 && whole.NumFrames(plan.num_frames) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_epochs: 0 means without end, but epochs have ", plan.num_frames,
                     " frames for ", whole.num_shards, " shards, none for this one"));
  }
  const Recipe& recipe = *opening.stream->recipe;
  FrameStream::Opened opened;
  opened.header = recipe.Header(opening.stream->seed, opening.place->frames());
  if (opening.stream->ring != nullptr) {
    opened.header.shared_places = opening.stream->ring->memory().places;
    opened.header.passage_messages = opening.passage_messages;
    opened.ring = opening.stream->ring;
  }
  opened.source = std::make_unique<BatchSource>(opening.stream);
  opened.first_epoch = *std::move(first);
  opened.num_epochs = opening.num_epochs;
  opened.reservation = opening.place;
  opened.place = std::move(opening.place);
  opened.wanted_frames = opening.wanted_frames;
  opened.max_out = opening.max_out;
  opened.observer = std::make_shared<MetricsObserver>(metrics, recipe);
  return opened;
}

}  // namespace

absl::StatusOr<Admission::Need> WithinQuota(Admission::Need need, const StreamOwner& owner) {
  if (owner.tenant == nullptr || owner.tenant->quota().slab_bytes < 0) return need;
  Admission& memory = owner.tenant->memory();
  GF_RETURN_IF_ERROR(memory.CheckPossible(need));
  absl::StatusOr<std::shared_ptr<Admission::Place>> share = memory.Reserve(need);
  if (!share.ok()) {
    if (owner.streams) MakeRoom(memory, owner.streams(), need);
    return WithRetryDelay(share.status(), kQuotaRetryDelay);
  }
  need.frames = std::min(need.frames, (*share)->frames());
  need.spare_frames = (*share)->frames() - need.frames;
  need.within = *std::move(share);
  return need;
}

void OpenStream(wire::StreamRequest request, BatchMaker& maker, WaitingRoom& room, Metrics& metrics,
                const PrefetchLimits& limits, SlabSocket* sharing, StreamOwner owner,
                FrameStream::OpenDone done) {
  const auto asked = std::make_shared<const wire::StreamRequest>(std::move(request));
  auto open = [asked, &maker, &room, &metrics, sharing](
                  const std::shared_ptr<const Recipe>& recipe, const Admission::Need& need,
                  WaitingRoom::PlaceOr place, FrameStream::OpenDone opened) {
    if (!place.ok()) return opened(place.status());
    Opening opening =
        OpenIn(*std::move(place), need, *asked, maker, room.admission(), sharing, recipe);
    BatchSource source(opening.stream);
    source.OpenEpoch(asked->start_epoch,
                     [opening = std::move(opening), &metrics,
                      opened = std::move(opened)](FrameSource::EpochOr first) mutable {
                       // What a refused stream had is free before it is told so.
                       absl::StatusOr<FrameStream::Opened> stream =
                           FinishOpening(std::move(opening), metrics, std::move(first));
                       opened(std::move(stream));
                     });
  };
  maker.Open(
      asked->dataset, asked->fingerprint, asked->spec, asked->max_frame_bytes,
      [asked, &room, &limits, owner = std::move(owner), open = std::move(open),
       done = std::move(done)](absl::StatusOr<std::shared_ptr<const Recipe>> recipe) mutable {
        if (!recipe.ok()) return done(recipe.status());
        const Admission::Need need = NeedOf(*asked, limits, **recipe);
        absl::StatusOr<Admission::Need> allowed = WithinQuota(need, owner);
        if (!allowed.ok()) return done(allowed.status());
        room.Enter(*std::move(allowed),
                   [recipe = *std::move(recipe), need, open = std::move(open),
                    done = std::move(done)](WaitingRoom::PlaceOr place) mutable {
                     open(recipe, need, std::move(place), std::move(done));
                   });
      });
}

}  // namespace graphfeed
