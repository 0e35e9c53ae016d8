#include "tests/client/cpp/stream_messages.h"

#include <utility>

#include "client/cpp/rpc/stream_decoder.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/digest.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"
#include "storage/base/check.h"

namespace graphfeed {

Layout RaggedLayout() {
  Layout layout;
  layout.node_types = {"node"};
  layout.edge_types = {"node|to|node"};
  layout.ragged = true;
  layout.tensors.push_back({.store = "",
                            .name = "x",
                            .dtype = DType::kFloat32,
                            .axis = Axis::kNodes,
                            .type = 0,
                            .axis_scale = 1,
                            .concat_last = false,
                            .row_shape = {2}});
  layout.tensors.push_back({.store = "",
                            .name = "edge_index",
                            .dtype = DType::kInt64,
                            .axis = Axis::kEdges,
                            .type = 0,
                            .axis_scale = 1,
                            .concat_last = true,
                            .row_shape = {2}});
  layout.tensors.push_back({.store = "",
                            .name = "y",
                            .dtype = DType::kInt32,
                            .axis = Axis::kGraphs,
                            .type = 0,
                            .axis_scale = 1,
                            .concat_last = false,
                            .row_shape = {}});
  return layout;
}

Layout SmallLayout() {
  Layout layout = RaggedLayout();
  layout.ragged = false;
  layout.padded = {.graphs = 2, .nodes = {4}, .edges = {3}};
  absl::StatusOr<Placement> placement = Place(layout, layout.padded, 1 << 20);
  GF_CHECK(placement.ok()) << placement.status();
  layout.places = placement->places;
  layout.slab_bytes = placement->slab_bytes;
  return layout;
}

StreamInfo MakeStreamInfo(Layout layout) {
  StreamInfo info;
  info.dataset = "d@1";
  info.layout = std::move(layout);
  info.seed = 7;
  info.prefetch = 2;
  info.resolved_spec.batch_size = 2;
  return info;
}

std::string HeaderMessage(const StreamInfo& info) {
  v1::StreamBatchesResponse response;
  *response.mutable_header() = wire::ToProto(info);
  return response.SerializeAsString();
}

std::string EpochMessage(int64_t epoch, int64_t shard_frames) {
  return EpochMessage(epoch, shard_frames, shard_frames);
}

std::string EpochMessage(int64_t epoch, int64_t shard_frames, int64_t num_frames) {
  EpochInfo info{.epoch = epoch, .plan = {}};
  info.plan.num_batches = num_frames;
  info.plan.num_frames = num_frames;
  info.plan.shard_frames = shard_frames;
  info.plan.real = {.graphs = 0, .nodes = {0}, .edges = {0}};
  v1::StreamBatchesResponse response;
  *response.mutable_epoch() = wire::ToProto(info);
  return response.SerializeAsString();
}

std::string Payload(int64_t ordinal, int64_t size) {
  std::string bytes(static_cast<size_t>(size), '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(ordinal) * 31 + i * 7);
  }
  return bytes;
}

FrameInfo MakeFrameInfo(int64_t epoch, int64_t ordinal, const Counts& real,
                        const std::string& payload) {
  FrameInfo info;
  info.epoch = epoch;
  info.ordinal = ordinal;
  info.real = {real};
  info.trimmed = {.graphs = 0, .nodes = {0}, .edges = {0}};
  info.digest = FrameDigest(reinterpret_cast<const std::byte*>(payload.data()),
                            static_cast<int64_t>(payload.size()));
  return info;
}

std::string FrameMessage(const FrameInfo& info, const std::string& payload) {
  return wire::EncodeFrameHeader(info, static_cast<int64_t>(payload.size())) + payload;
}

std::string SmallFrame(int64_t epoch, int64_t ordinal) {
  const std::string payload = Payload(ordinal, SmallLayout().slab_bytes);
  return FrameMessage(
      MakeFrameInfo(epoch, ordinal, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload), payload);
}

}  // namespace graphfeed
