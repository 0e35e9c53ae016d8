#include "client/cpp/rpc/stream_decoder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame/compact.h"
#include "proto/frame/digest.h"
#include "proto/frame/shard.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Counts that Place or a frame may have: one entry for each type, none negative, none over
// `limit`'s if that is given.
absl::Status CheckCounts(absl::string_view what, const Counts& counts, const Layout& layout,
                         const Counts* limit) {
  if (counts.nodes.size() != layout.node_types.size() ||
      counts.edges.size() != layout.edge_types.size() ||
      counts.rows.size() != layout.row_columns.size()) {
    return absl::DataLossError(
        absl::StrCat(what, " counts ", counts.nodes.size(), " node and ", counts.edges.size(),
                     " edge types and ", counts.rows.size(), " columns of rows; the layout has ",
                     layout.node_types.size(), ", ", layout.edge_types.size(), " and ",
                     layout.row_columns.size()));
  }
  const auto check = [&](absl::string_view kind, int64_t count, int64_t most) {
    if (count >= 0 && (limit == nullptr || count <= most)) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(what, " has ", count, " ", kind,
                     limit == nullptr ? "" : absl::StrCat("; the layout holds ", most)));
  };
  GF_RETURN_IF_ERROR(check("graphs", counts.graphs, limit ? limit->graphs : 0));
  for (size_t i = 0; i < counts.nodes.size(); ++i) {
    GF_RETURN_IF_ERROR(check("nodes", counts.nodes[i], limit ? limit->nodes[i] : 0));
  }
  for (size_t i = 0; i < counts.edges.size(); ++i) {
    GF_RETURN_IF_ERROR(check("edges", counts.edges[i], limit ? limit->edges[i] : 0));
  }
  for (size_t i = 0; i < counts.rows.size(); ++i) {
    GF_RETURN_IF_ERROR(check("rows", counts.rows[i], limit ? limit->rows[i] : 0));
  }
  GF_RETURN_IF_ERROR(check("seeds", counts.seeds, limit ? limit->seeds : 0));
  return check("labels", counts.labels, limit ? limit->labels : 0);
}

// Place's refusal of sizes is the caller's limit; of anything else, the server's mistake.
absl::Status AsServerError(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) return status;
  return absl::DataLossError(status.message());
}

}  // namespace

absl::StatusOr<FrameReader> FrameReader::Create(const Layout& layout, int64_t max_frame_bytes,
                                                bool verify_digests, size_t max_idle) {
  FrameReader reader;
  reader.layout_ = std::make_shared<Layout>(layout);
  reader.max_frame_bytes_ = max_frame_bytes;
  reader.verify_digests_ = verify_digests;
  reader.pool_ = std::make_unique<SlabPool>(max_idle);
  if (layout.ragged) return reader;

  if (layout.slab_bytes > max_frame_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "frames of ", layout.slab_bytes, " bytes; max_frame_bytes is ", max_frame_bytes));
  }
  reader.placement_ = std::make_shared<Placement>(
      Placement{.places = layout.places, .slab_bytes = layout.slab_bytes});
  return reader;
}

absl::StatusOr<Slab> FrameReader::Allocate(int64_t size) {
  if (placement_ != nullptr && size != placement_->slab_bytes) {
    return absl::DataLossError(absl::StrCat("a frame of ", size, " bytes; the layout's slab has ",
                                            placement_->slab_bytes));
  }
  if (size < 0 || size > max_frame_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a frame of ", size, " bytes; max_frame_bytes is ", max_frame_bytes_));
  }
  Slab slab = pool_->Take(size);
  if (!slab) return absl::ResourceExhaustedError(absl::StrCat("no memory for ", size, " bytes"));
  return slab;
}

absl::StatusOr<Batch> FrameReader::Finish(FrameInfo info, Slab slab, bool travelled) const {
  const std::string what = absl::StrCat("frame ", info.ordinal, " of epoch ", info.epoch);
  if (info.real.size() != static_cast<size_t>(layout_->micro_batches)) {
    return absl::DataLossError(absl::StrCat(what, " has ", info.real.size(),
                                            " micro-batches; the layout has ",
                                            layout_->micro_batches));
  }
  const Counts* limit = placement_ != nullptr ? &layout_->padded : nullptr;
  for (const Counts& counts : info.real) {
    GF_RETURN_IF_ERROR(CheckCounts(what, counts, *layout_, limit));
  }
  // A frame that nothing was trimmed from may leave the counts out.
  if (info.trimmed == Counts()) {
    info.trimmed.nodes.resize(layout_->node_types.size());
    info.trimmed.edges.resize(layout_->edge_types.size());
    info.trimmed.rows.resize(layout_->row_columns.size());
  }
  GF_RETURN_IF_ERROR(CheckCounts(what, info.trimmed, *layout_, nullptr));
  std::shared_ptr<const Placement> placement = placement_;
  if (placement == nullptr) {
    absl::StatusOr<Placement> own = Place(*layout_, info.real[0], max_frame_bytes_);
    if (!own.ok()) return AsServerError(own.status());
    placement = std::make_shared<Placement>(*std::move(own));
  }
  const int64_t size = slab.size();
  if (size != placement->slab_bytes) {
    return absl::DataLossError(
        absl::StrCat(what, " has ", size, " bytes; its counts need ", placement->slab_bytes));
  }
  if (verify_digests_ && travelled) {
    const uint64_t digest = FrameDigest(slab.data(), size);
    if (digest != info.digest) {
      return absl::DataLossError(absl::StrCat(what, " changed on its way: its digest is ",
                                              absl::Hex(digest, absl::kZeroPad16), ", not ",
                                              absl::Hex(info.digest, absl::kZeroPad16)));
    }
  }
  return Batch(layout_, std::move(placement), std::move(info), std::move(slab));
}

absl::Status CheckStreamInfo(const StreamInfo& info, const StreamOptions& options) {
  if (info.seed != options.seed) {
    return absl::DataLossError(
        absl::StrCat("the server streams seed ", info.seed, ", not ", options.seed));
  }
  if (options.fingerprint.has_value() && info.fingerprint != *options.fingerprint) {
    return absl::DataLossError(absl::StrCat("the server streams dataset content ",
                                            DigestHex(info.fingerprint), ", not ",
                                            DigestHex(*options.fingerprint)));
  }
  return absl::OkStatus();
}

absl::Status CheckGraphIds(const StreamOptions& options, FrameInfo& info) {
  if (!options.graph_ids) {
    info.graph_ids.clear();
    return absl::OkStatus();
  }
  if (!info.graph_ids.empty()) return absl::OkStatus();  // as many as the counts say
  for (const Counts& counts : info.real) {
    if (counts.graphs == 0) continue;
    return absl::DataLossError(absl::StrCat("frame ", info.ordinal, " of epoch ", info.epoch,
                                            " has no graph ids, which were asked for"));
  }
  info.graph_ids.resize(info.real.size());
  return absl::OkStatus();
}

absl::Status CheckShardFrames(const PlanSummary& plan, const StreamOptions& options,
                              bool first_epoch) {
  const ShardPosition shard{.start_ordinal = first_epoch ? options.start_ordinal : 0,
                            .num_shards = options.num_shards,
                            .shard_index = options.shard_index,
                            .uneven = options.uneven_shards};
  const int64_t expected = shard.NumFrames(plan.num_frames);
  if (plan.shard_frames == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the plan has ", plan.shard_frames, " frames for shard ",
                                          options.shard_index, " of ", options.num_shards, ", of ",
                                          plan.num_frames, " in all; it is ", expected));
}

uint32_t StreamDecoder::HeldFrames(const StreamOptions& options) {
  return static_cast<uint32_t>(std::max<size_t>(options.client_prefetch, 1) + 2);
}

StreamDecoder::StreamDecoder(const StreamOptions& options, int64_t max_frame_bytes,
                             Encoding encoding, std::unique_ptr<SlabPassage> passage)
    : options_(options),
      max_frame_bytes_(max_frame_bytes),
      encoding_(encoding),
      passage_(std::move(passage)) {}

absl::StatusOr<StreamDecoder::Event> StreamDecoder::Decode(
    google::protobuf::io::ZeroCopyInputStream& message, Slab beside) {
  Slab slab;
  absl::StatusOr<wire::StreamEvent> event = wire::DecodeStreamResponse(
      message, [&](absl::string_view runs, int64_t size, PayloadReader read) {
        return TakePayload(runs, size, read, slab);
      });
  if (!event.ok()) return event.status();
  if (auto* header = std::get_if<StreamInfo>(&*event)) return TakeHeader(std::move(*header));
  if (auto* epoch = std::get_if<EpochInfo>(&*event)) return TakeEpoch(std::move(*epoch));
  auto& frame = std::get<wire::DecodedFrame>(*event);
  const bool travelled = !beside;
  if (beside) {
    slab = std::move(beside);
  } else if (frame.place > 0) {
    GF_ASSIGN_OR_RETURN(slab, TakePlace(frame.place));
  }
  return TakeFrame(std::move(frame.info), std::move(slab), travelled);
}

// Two places at least are the server's at any time: what the caller keeps must not stop the stream.
absl::StatusOr<Slab> StreamDecoder::TakePlace(uint32_t place) {
  if (!frames_.has_value() || passage_ == nullptr) {
    return absl::DataLossError("a frame in memory that was not passed");
  }
  GF_ASSIGN_OR_RETURN(Slab shared, passage_->Take(place));
  constexpr uint32_t kServers = 2;
  const uint32_t places = passage_->places();
  const uint32_t most =
      std::min(HeldFrames(options_), places > kServers ? places - kServers : uint32_t{0});
  if (passage_->num_taken() <= most) return shared;
  GF_ASSIGN_OR_RETURN(Slab copy, frames_->Allocate(shared.size()));
  std::memcpy(copy.data(), shared.data(), static_cast<size_t>(shared.size()));
  return copy;
}

// A payload as large as the slab is the slab, whichever encoding was asked for.
absl::Status StreamDecoder::TakePayload(absl::string_view runs, int64_t size, PayloadReader read,
                                        Slab& slab) {
  if (!frames_.has_value()) return absl::DataLossError("a frame before the header");
  int64_t slab_bytes = size;
  const bool compact = encoding_ == Encoding::kCompact && size < frames_->slab_bytes();
  if (compact) {
    GF_ASSIGN_OR_RETURN(slab_bytes, ExpandedBytes(runs, size, frames_->slab_bytes()));
  }
  GF_ASSIGN_OR_RETURN(slab, frames_->Allocate(slab_bytes));
  if (compact ? Expand(runs, read, slab.data()) : read(slab.data(), size)) return absl::OkStatus();
  return absl::DataLossError("a frame whose payload is truncated");
}

absl::StatusOr<StreamDecoder::Event> StreamDecoder::TakeHeader(StreamInfo info) {
  if (frames_.has_value()) return absl::DataLossError("a second header");
  GF_RETURN_IF_ERROR(CheckStreamInfo(info, options_));
  // Every buffer of the ring, the one being received and the one in the caller's hands.
  GF_ASSIGN_OR_RETURN(frames_,
                      FrameReader::Create(info.layout, max_frame_bytes_, options_.verify_digests,
                                          options_.client_prefetch + 2));
  if (info.shared_places == 0) {
    passage_.reset();
  } else if (passage_ == nullptr) {
    return absl::DataLossError("the server shares memory that was not asked for");
  } else if (absl::Status mapped = passage_->Map(info.shared_places, info.layout.slab_bytes);
             !mapped.ok()) {
    passage_failed_ = true;
    return mapped;
  }
  if (info.passage_messages) {
    if (passage_ == nullptr) {
      return absl::DataLossError("messages beside a call that has no passage");
    }
    passage_messages_ = passage_->messages();
  }
  return std::make_shared<const StreamInfo>(std::move(info));
}

absl::StatusOr<StreamDecoder::Event> StreamDecoder::TakeEpoch(EpochInfo info) {
  if (!frames_.has_value()) return absl::DataLossError("an epoch before the header");
  GF_RETURN_IF_ERROR(CheckEpochComplete());
  const int64_t expected = epoch_ == nullptr ? options_.start_epoch : epoch_->epoch + 1;
  if (info.epoch != expected) {
    return absl::DataLossError(absl::StrCat("epoch ", info.epoch, " where ", expected, " is due"));
  }
  if (info.plan.shard_frames < 0) {
    return absl::DataLossError(
        absl::StrCat("epoch ", info.epoch, " has ", info.plan.shard_frames, " frames"));
  }
  const bool first = epoch_ == nullptr;
  GF_RETURN_IF_ERROR(CheckShardFrames(info.plan, options_, first));
  if (options_.num_epochs == 0 && !first && info.plan.shard_frames == 0) {
    return absl::DataLossError(
        absl::StrCat("epoch ", info.epoch, " of a stream without end has no frames"));
  }
  epoch_ = std::make_shared<const EpochInfo>(std::move(info));
  epoch_frames_ = 0;
  return epoch_;
}

absl::StatusOr<StreamDecoder::Event> StreamDecoder::TakeFrame(FrameInfo info, Slab slab,
                                                              bool travelled) {
  if (!frames_.has_value()) return absl::DataLossError("a frame before the header");
  GF_RETURN_IF_ERROR(CheckPosition(info));
  GF_RETURN_IF_ERROR(CheckGraphIds(options_, info));
  GF_ASSIGN_OR_RETURN(Batch batch, frames_->Finish(std::move(info), std::move(slab), travelled));
  ++epoch_frames_;
  return batch;
}

absl::Status StreamDecoder::CheckPosition(const FrameInfo& info) const {
  if (epoch_ == nullptr) return absl::DataLossError("a frame before its epoch");
  if (info.epoch != epoch_->epoch) {
    return absl::DataLossError(
        absl::StrCat("a frame of epoch ", info.epoch, " in epoch ", epoch_->epoch));
  }
  if (epoch_frames_ >= epoch_->plan.shard_frames) {
    return absl::DataLossError(absl::StrCat("epoch ", info.epoch, " has more than its ",
                                            epoch_->plan.shard_frames, " frames"));
  }
  // Frames that fill up an uneven shard stand where the server puts them.
  if (info.null_frame || info.repeat) return absl::OkStatus();
  const int64_t start = info.epoch == options_.start_epoch ? options_.start_ordinal : 0;
  const int64_t due = start + options_.shard_index + epoch_frames_ * options_.num_shards;
  if (info.ordinal != due) {
    return absl::DataLossError(
        absl::StrCat("frame ", info.ordinal, " of epoch ", info.epoch, " where ", due, " is due"));
  }
  return absl::OkStatus();
}

absl::Status StreamDecoder::CheckEpochComplete() const {
  if (epoch_ == nullptr || epoch_frames_ == epoch_->plan.shard_frames) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("epoch ", epoch_->epoch, " ended after ", epoch_frames_,
                                          " of ", epoch_->plan.shard_frames, " frames"));
}

absl::Status StreamDecoder::CheckComplete() const {
  if (!frames_.has_value()) return absl::DataLossError("the stream ended before its header");
  GF_RETURN_IF_ERROR(CheckEpochComplete());
  const int64_t epochs = epoch_ == nullptr ? 0 : epoch_->epoch - options_.start_epoch + 1;
  if (epoch_ == nullptr || epochs != options_.num_epochs) {
    return absl::DataLossError(
        absl::StrCat("the stream ended after ", epochs, " of ", options_.num_epochs, " epochs"));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
