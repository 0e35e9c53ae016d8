#ifndef GRAPHFEED_TESTS_SERVER_BATCHING_COLLATE_HELPER_H_
#define GRAPHFEED_TESTS_SERVER_BATCHING_COLLATE_HELPER_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/frame/digest.h"
#include "proto/frame/slab.h"
#include "server/batching/collater.h"
#include "server/batching/graph_filler.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "tests/support/memory_features.h"

namespace graphfeed {

inline constexpr int64_t kTestLimit = int64_t{1} << 28;

// A collated frame with the layout to read it.
struct TestFrame {
  FrameInfo info;
  Layout layout;  // with places, also when ragged
  std::vector<std::byte> bytes;

  bool Has(absl::string_view name, absl::string_view store = "") const {
    return layout.Find(store, name) >= 0;
  }

  // Elements of a tensor.
  template <typename T>
  std::vector<T> Get(absl::string_view name, absl::string_view store = "") const {
    const int tensor = layout.Find(store, name);
    EXPECT_GE(tensor, 0) << store << "." << name;
    if (tensor < 0) return {};
    EXPECT_EQ(SizeOf(layout.tensors[tensor].dtype), sizeof(T)) << name;
    const TensorPlace& place = layout.places[tensor];
    std::vector<T> values(place.size_bytes / sizeof(T));
    if (!values.empty()) {
      std::memcpy(static_cast<void*>(values.data()), bytes.data() + place.offset, place.size_bytes);
    }
    return values;
  }

  std::vector<int> Bools(absl::string_view name, absl::string_view store = "") const {
    const std::vector<uint8_t> values = Get<uint8_t>(name, store);
    return std::vector<int>(values.begin(), values.end());
  }

  std::vector<int64_t> Shape(absl::string_view name, absl::string_view store = "") const {
    const int tensor = layout.Find(store, name);
    EXPECT_GE(tensor, 0) << store << "." << name;
    return tensor < 0 ? std::vector<int64_t>() : layout.places[tensor].shape;
  }
};

// One frame. The slab is full of rubbish before, so that a byte left out shows.
inline absl::StatusOr<TestFrame> CollateFrame(const Collater& collater, const EpochPlan& plan,
                                              uint64_t seed, FeatureStore& data, int64_t ordinal,
                                              bool null_frame = false, uint8_t rubbish = 0xcd) {
  TestFrame frame;
  SlabPool pool(0);
  Slab slab;
  const absl::Status collated = collater.Collate(
      plan, seed, ordinal, null_frame, data, kTestLimit,
      [&](int64_t size) {
        slab = pool.Take(size);
        std::memset(slab.data(), rubbish, size);
        return slab.data();
      },
      frame.info);
  if (!collated.ok()) return collated;
  frame.layout = collater.layout();
  if (frame.layout.ragged) {
    auto placement = Place(frame.layout, frame.info.real[0], kTestLimit);
    if (!placement.ok()) return placement.status();
    frame.layout.places = placement->places;
    frame.layout.slab_bytes = placement->slab_bytes;
  }
  EXPECT_EQ(slab.size(), frame.layout.slab_bytes);
  EXPECT_EQ(frame.info.digest, FrameDigest(slab.data(), slab.size()));
  frame.bytes.assign(slab.data(), slab.data() + slab.size());
  return frame;
}

// One epoch of a request over a dataset.
class Epoch {
 public:
  static absl::StatusOr<Epoch> Create(MemoryDataset& data, const BatchSpec& request,
                                      uint64_t seed = 0, int64_t epoch = 0,
                                      int64_t max_bytes = kTestLimit) {
    absl::StatusOr<ResolvedSpec> spec = ResolveSpec(request, data.info(), data.offsets());
    if (!spec.ok()) return spec.status();
    Epoch result(data, *std::move(spec), seed);
    auto plan = EpochPlan::Create(*result.spec_, data.offsets(), seed, epoch);
    if (!plan.ok()) return plan.status();
    result.plan_ = *std::move(plan);
    auto collater = Collater::Create(
        data.schema(), *result.spec_, max_bytes,
        std::make_unique<GraphFiller>(data.schema(), data.offsets(), *result.spec_));
    if (!collater.ok()) return collater.status();
    result.collater_ = *std::move(collater);
    return result;
  }

  const ResolvedSpec& spec() const { return *spec_; }
  const EpochPlan& plan() const { return *plan_; }
  const Collater& collater() const { return *collater_; }

  absl::StatusOr<TestFrame> Collate(int64_t ordinal, bool null_frame = false,
                                    uint8_t rubbish = 0xcd) const {
    return CollateFrame(*collater_, *plan_, seed_, *data_, ordinal, null_frame, rubbish);
  }

  std::vector<int64_t> Graphs(int64_t batch) const {
    std::vector<int64_t> graphs;
    plan_->GraphsOf(batch, graphs);
    return graphs;
  }

 private:
  Epoch(MemoryDataset& data, ResolvedSpec spec, uint64_t seed)
      : data_(&data), seed_(seed), spec_(std::make_unique<ResolvedSpec>(std::move(spec))) {}

  MemoryDataset* data_;
  uint64_t seed_;
  std::unique_ptr<ResolvedSpec> spec_;  // plan and collater point to it
  std::unique_ptr<EpochPlan> plan_;
  std::unique_ptr<Collater> collater_;
};

// One frame of a request, which must succeed.
inline TestFrame CollateOne(MemoryDataset& data, const BatchSpec& request, int64_t ordinal = 0,
                            uint64_t seed = 0) {
  auto epoch = Epoch::Create(data, request, seed);
  EXPECT_TRUE(epoch.ok()) << epoch.status();
  if (!epoch.ok()) return TestFrame();
  auto frame = epoch->Collate(ordinal);
  EXPECT_TRUE(frame.ok()) << frame.status();
  return frame.ok() ? *std::move(frame) : TestFrame();
}

inline BatchSpec Padded(int64_t num_nodes, int64_t num_edges, int64_t num_graphs) {
  BatchSpec request;
  request.strategy = Strategy::kPadToMax;
  request.options.emplace();
  request.options->num_nodes[""] = num_nodes;
  request.options->num_edges[""] = num_edges;
  request.options->num_graphs = num_graphs;
  return request;
}

inline BatchSpec Packed(int64_t num_nodes, int64_t num_edges, int64_t num_graphs) {
  BatchSpec request = Padded(num_nodes, num_edges, num_graphs);
  request.strategy = Strategy::kStreamPack;
  return request;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SERVER_BATCHING_COLLATE_HELPER_H_
