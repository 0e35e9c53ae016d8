#ifndef GRAPHFEED_CLIENT_CPP_RPC_STREAM_DECODER_H_
#define GRAPHFEED_CLIENT_CPP_RPC_STREAM_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/client.h"
#include "client/cpp/rpc/slab_passage.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "proto/frame/compact.h"
#include "proto/frame/layout.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "proto/wire/frame_decoder.h"

namespace graphfeed {

// Places frames of one layout in memory and checks that they are what the layout says. Nothing
// that a server sends is taken on trust. Thread-compatible.
class FrameReader {
 public:
  // `layout` is sound, as wire::FromProto has checked. RESOURCE_EXHAUSTED when its slab exceeds
  // `max_frame_bytes`. Keeps up to `max_idle` unused buffers.
  static absl::StatusOr<FrameReader> Create(const Layout& layout, int64_t max_frame_bytes,
                                            bool verify_digests, size_t max_idle);

  // Of every frame; 0 where each has its own.
  int64_t slab_bytes() const { return placement_ == nullptr ? 0 : placement_->slab_bytes; }
  // A buffer for a slab of `size` bytes, or why no frame can have that size.
  absl::StatusOr<Slab> Allocate(int64_t size);
  // The batch that `slab` makes up. DATA_LOSS when the counts do not fit the layout, the
  // slab's size is not the counts', or the digest is another; that is not looked at unless the
  // bytes have `travelled`.
  absl::StatusOr<Batch> Finish(FrameInfo info, Slab slab, bool travelled = true) const;

 private:
  FrameReader() = default;

  std::shared_ptr<const Layout> layout_;        // shared with batches
  std::shared_ptr<const Placement> placement_;  // shared with batches; null when ragged
  int64_t max_frame_bytes_ = 0;
  bool verify_digests_ = true;
  std::unique_ptr<SlabPool> pool_;
};

// DATA_LOSS unless the plan of an epoch gives the asking shard the frames that are left for it.
absl::Status CheckShardFrames(const PlanSummary& plan, const StreamOptions& options,
                              bool first_epoch);

// Reads the messages of a stream and checks that they are what was asked for: a header, then for
// each epoch its header and its shard's frames in order. Thread-compatible.
class StreamDecoder {
 public:
  using Event =
      std::variant<std::shared_ptr<const StreamInfo>, std::shared_ptr<const EpochInfo>, Batch>;

  // Frames that a stream's ring, the thread that fills it and the caller have at once: so many of
  // memory that is shared with the server may be in use; of others copies are made.
  static uint32_t HeldFrames(const StreamOptions& options);

  // `passage`: how memory that is shared with the server comes; may be null.
  StreamDecoder(const StreamOptions& options, int64_t max_frame_bytes,
                Encoding encoding = Encoding::kDense,
                std::unique_ptr<SlabPassage> passage = nullptr);

  // `beside`: the slab of a frame whose server is this process; it is nobody else's. After an error
  // the stream cannot be read on.
  absl::StatusOr<Event> Decode(google::protobuf::io::ZeroCopyInputStream& message,
                               Slab beside = Slab());
  // Where what follows the header comes beside the call; null: it does not.
  std::shared_ptr<PassageMessages> passage_messages() const { return passage_messages_; }
  // The memory that the server passed could not be had: ask again without.
  bool passage_failed() const { return passage_failed_; }
  // To be asked when the server has ended the stream with OK: DATA_LOSS if anything is missing.
  absl::Status CheckComplete() const;

 private:
  absl::StatusOr<Event> TakeHeader(StreamInfo info);
  absl::StatusOr<Event> TakeEpoch(EpochInfo info);
  absl::StatusOr<Event> TakeFrame(FrameInfo info, Slab slab, bool travelled);
  absl::Status TakePayload(absl::string_view runs, int64_t size, PayloadReader read, Slab& slab);
  absl::StatusOr<Slab> TakePlace(uint32_t place);
  absl::Status CheckEpochComplete() const;
  absl::Status CheckPosition(const FrameInfo& info) const;

  const StreamOptions options_;
  const int64_t max_frame_bytes_;
  const Encoding encoding_;
  std::unique_ptr<SlabPassage> passage_;  // null: frames have payloads
  bool passage_failed_ = false;
  std::shared_ptr<PassageMessages> passage_messages_;
  std::optional<FrameReader> frames_;       // after the header
  std::shared_ptr<const EpochInfo> epoch_;  // the latest; shared with the stream
  int64_t epoch_frames_ = 0;                // received of it
};

// DATA_LOSS for a header that does not answer `options`.
absl::Status CheckStreamInfo(const StreamInfo& info, const StreamOptions& options);

// A frame has graph ids if and only if `options` asks for them: DATA_LOSS without.
absl::Status CheckGraphIds(const StreamOptions& options, FrameInfo& info);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RPC_STREAM_DECODER_H_
