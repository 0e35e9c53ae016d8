#include "proto/wire/requests.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "tests/proto/wire/expect_invalid.h"

namespace graphfeed::wire {
namespace {

v1::StreamBatchesRequest ValidRequest() {
  v1::StreamBatchesRequest request;
  request.set_dataset("mutag");
  request.set_seed(0);
  request.mutable_spec()->set_strategy(v1::PAD_TO_MAX);
  return request;
}

template <typename Change>
absl::Status StreamError(Change change) {
  v1::StreamBatchesRequest request = ValidRequest();
  change(request);
  return ParseRequest(request).status();
}

TEST(StreamRequestTest, FillsInDefaults) {
  const auto request = ParseRequest(ValidRequest());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->num_shards, 1);
  EXPECT_EQ(request->shard_index, 0);
  EXPECT_EQ(request->max_frame_bytes, kDefaultMaxFrameBytes);
  EXPECT_FALSE(request->fingerprint.has_value());
}

TEST(StreamRequestTest, TheSeedIsMandatoryAndMayBeZero) {
  ExpectInvalid(StreamError([](auto& r) { r.clear_seed(); }), "seed: not set");
  EXPECT_TRUE(ParseRequest(ValidRequest()).ok());
}

TEST(StreamRequestTest, GraphIdsAreNotThoseOfSampledBatches) {
  EXPECT_TRUE(StreamError([](auto& r) { r.set_graph_ids(true); }).ok());
  ExpectInvalid(StreamError([](auto& r) {
                  r.mutable_spec()->set_strategy(v1::CLUSTER);
                  r.mutable_spec()->mutable_sampling();
                  r.set_graph_ids(true);
                }),
                "graph_ids: not with NEIGHBOR or CLUSTER");
}

TEST(StreamRequestTest, RefusalsNameFieldValueAndLimit) {
  ExpectInvalid(StreamError([](auto& r) { r.clear_dataset(); }), "dataset: not set");
  ExpectInvalid(StreamError([](auto& r) { r.clear_spec(); }), "spec: not set");
  ExpectInvalid(StreamError([](auto& r) { r.set_fingerprint("abc"); }),
                "fingerprint: 3 bytes; a fingerprint has 16");
  ExpectInvalid(StreamError([](auto& r) { r.set_start_epoch(-1); }), "start_epoch: -1");
  ExpectInvalid(StreamError([](auto& r) { r.set_start_epoch(INT64_MAX); }),
                "start_epoch: 9223372036854775807; 0 to 9007199254740992");
  ExpectInvalid(StreamError([](auto& r) { r.set_start_ordinal(-7); }), "start_ordinal: -7");
  ExpectInvalid(StreamError([](auto& r) { r.set_num_epochs(-1); }), "num_epochs: -1");
  ExpectInvalid(StreamError([](auto& r) { r.set_num_epochs(INT64_MAX); }), "num_epochs");
  ExpectInvalid(StreamError([](auto& r) { r.set_shard_index(1); }),
                "shard_index: 1; num_shards is 1");
  ExpectInvalid(StreamError([](auto& r) {
                  r.set_num_shards(4);
                  r.set_shard_index(4);
                }),
                "shard_index: 4; num_shards is 4");
  ExpectInvalid(StreamError([](auto& r) { r.set_uneven_shards(static_cast<v1::UnevenShards>(5)); }),
                "uneven_shards: unknown value 5");
  ExpectInvalid(StreamError([](auto& r) { r.set_max_frame_bytes(-1); }), "max_frame_bytes: -1");
  ExpectInvalid(StreamError([](auto& r) { r.set_encoding(static_cast<v1::Encoding>(3)); }),
                "encoding: unknown value 3");
  ExpectInvalid(StreamError([](auto& r) { r.mutable_spec()->clear_strategy(); }),
                "strategy: not set");
}

TEST(StreamRequestTest, LongSelectionsAreRefusedBeforeTheyAreDecoded) {
  const std::string code(kMaxSelectionBytes + 1, '\0');
  ExpectInvalid(StreamError([&](auto& r) { r.mutable_spec()->mutable_selection()->set_ids(code); }),
                "selection.ids: 16777217 bytes; at most 16777216");
  ExpectInvalid(
      StreamError([&](auto& r) { r.mutable_spec()->mutable_selection()->set_batch_sizes(code); }),
      "selection.batch_sizes: 16777217 bytes; at most 16777216");
  v1::EstimateOptionsRequest estimate;
  estimate.set_dataset("mutag");
  estimate.mutable_selection()->set_ids(code);
  ExpectInvalid(ParseRequest(estimate).status(), "selection.ids: 16777217 bytes");
}

TEST(StreamRequestTest, LongSeedListsAreRefusedBeforeTheyAreDecoded) {
  const std::string code(kMaxSelectionBytes + 1, '\0');
  auto refused = [](auto change, const std::string& field) {
    const std::string text = field + ": 16777217 bytes; at most 16777216";
    ExpectInvalid(StreamError([&](auto& r) { change(r.mutable_spec()->mutable_sampling()); }),
                  text);
    v1::EstimateOptionsRequest estimate;
    estimate.set_dataset("mutag");
    estimate.mutable_spec()->set_strategy(v1::NEIGHBOR);
    change(estimate.mutable_spec()->mutable_sampling());
    ExpectInvalid(ParseRequest(estimate).status(), text);
  };
  refused([&](auto* s) { s->set_input_time(code); }, "sampling.input_time");
  refused([&](auto* s) { s->mutable_links()->set_sources(code); }, "sampling.links.sources");
  refused([&](auto* s) { s->mutable_links()->set_targets(code); }, "sampling.links.targets");
  refused([&](auto* s) { s->mutable_links()->set_labels(code); }, "sampling.links.labels");
}

TEST(StreamRequestTest, FramesStayBelowTwoGibibytes) {
  v1::StreamBatchesRequest request = ValidRequest();
  request.set_max_frame_bytes(INT64_MAX);
  const auto parsed = ParseRequest(request);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->max_frame_bytes, kMaxFrameBytes);
  EXPECT_LT(parsed->max_frame_bytes, int64_t{2} << 30);
}

TEST(BatchRequestTest, RefusalsNameTheField) {
  v1::GetBatchRequest request;
  request.set_dataset("mutag");
  request.mutable_spec()->set_strategy(v1::PLAIN);
  ExpectInvalid(ParseRequest(request).status(), "seed: not set");
  request.set_seed(1);
  EXPECT_TRUE(ParseRequest(request).ok());
  request.set_ordinal(-1);
  ExpectInvalid(ParseRequest(request).status(), "ordinal: -1");
  request.set_ordinal(0);
  request.set_epoch(-1);
  ExpectInvalid(ParseRequest(request).status(), "epoch: -1");
}

TEST(PlanRequestTest, RefusalsNameTheField) {
  v1::DescribePlanRequest request;
  request.set_dataset("mutag");
  request.mutable_spec()->set_strategy(v1::STREAM_PACK);
  ExpectInvalid(ParseRequest(request).status(), "seed: not set");
  request.set_seed(1);
  EXPECT_TRUE(ParseRequest(request).ok());
  request.set_shard_index(2);
  ExpectInvalid(ParseRequest(request).status(), "shard_index: 2");
}

TEST(SizeEstimateRequestTest, RefusalsNameTheField) {
  v1::EstimateOptionsRequest request;
  ExpectInvalid(ParseRequest(request).status(), "dataset: not set");
  request.set_dataset("mutag");
  request.set_sample_limit(-4);
  ExpectInvalid(ParseRequest(request).status(), "sample_limit: -4");
}

v1::EstimateOptionsRequest SizeEstimateRequest() {
  v1::EstimateOptionsRequest request;
  request.set_dataset("imdb");
  request.mutable_spec()->set_strategy(v1::NEIGHBOR);
  request.mutable_spec()->set_batch_size(5);
  return request;
}

template <typename Change>
absl::Status EstimateError(Change change) {
  v1::EstimateOptionsRequest request = SizeEstimateRequest();
  change(request);
  return ParseRequest(request).status();
}

TEST(SizeEstimateRequestTest, SampledBatchesAreDescribedByTheirSpec) {
  v1::EstimateOptionsRequest message = SizeEstimateRequest();
  auto request = ParseRequest(message);
  ASSERT_TRUE(request.ok()) << request.status();
  ASSERT_TRUE(request->spec.has_value());
  EXPECT_EQ(request->spec->strategy, Strategy::kNeighbor);
  EXPECT_EQ(request->quantile, 1) << "not given: the maximum";
  message.mutable_spec()->set_strategy(v1::CLUSTER);
  message.set_seed(7);
  message.set_epoch(3);
  message.set_quantile(0.999);
  request = ParseRequest(message);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->seed, 7u);
  EXPECT_EQ(request->epoch, 3);
  EXPECT_EQ(request->quantile, 0.999);
}

v1::EstimateOptionsRequest ChoiceRequest() {
  v1::EstimateOptionsRequest request;
  request.set_dataset("qm9");
  request.mutable_spec()->set_strategy(v1::PACK);
  request.mutable_best()->set_num_nodes(2304);
  return request;
}

TEST(SizeEstimateRequestTest, SizesAreChosenForATarget) {
  const auto request = ParseRequest(ChoiceRequest());
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec->strategy, Strategy::kPack);
  ASSERT_TRUE(request->best.has_value());
  EXPECT_EQ(request->best->limit, SizeLimit::kNodes);
  EXPECT_EQ(request->best->at_most, 2304);
  for (const SizeLimit limit : {SizeLimit::kNodes, SizeLimit::kBytes, SizeLimit::kGraphs}) {
    const auto back = FromProto(ToProto(SizeTarget{.limit = limit, .at_most = 77}));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->limit, limit);
    EXPECT_EQ(back->at_most, 77);
  }
}

TEST(SizeEstimateRequestTest, RefusalsOfTargetsNameTheField) {
  const auto error = [](auto change) {
    v1::EstimateOptionsRequest request = ChoiceRequest();
    change(request);
    return ParseRequest(request).status();
  };
  ExpectInvalid(error([](auto& r) { r.mutable_best()->clear_at_most(); }),
                "best: no target; one of num_nodes, num_bytes and num_graphs");
  ExpectInvalid(error([](auto& r) { r.mutable_best()->set_num_nodes(0); }),
                "best.num_nodes: 0; 1 to 2^40");
  ExpectInvalid(error([](auto& r) { r.mutable_best()->set_num_graphs(1); }),
                "best.num_graphs: 1; 2 to 2^40");
  ExpectInvalid(error([](auto& r) { r.mutable_best()->set_num_bytes(INT64_MAX); }),
                "best.num_bytes: 9223372036854775807; 1 to 2^40");
  ExpectInvalid(error([](auto& r) { r.clear_spec(); }), "spec: not set; best needs it");
  for (const v1::Strategy strategy : {v1::PLAIN, v1::NEIGHBOR, v1::CLUSTER}) {
    ExpectInvalid(error([&](auto& r) { r.mutable_spec()->set_strategy(strategy); }),
                  "; PAD_TO_MAX, STREAM_PACK or PACK");
  }
  ExpectInvalid(error([](auto& r) { r.set_sample_limit(7); }),
                "sample_limit: 7; not together with best");
  ExpectInvalid(error([](auto& r) { r.set_quantile(0.5); }), "quantile: 0.5; not together");
  ExpectInvalid(error([](auto& r) { r.set_batch_size(8); }), "batch_size: 8; not together");
  ExpectInvalid(error([](auto& r) {
                  r.mutable_spec()->mutable_selection()->set_batch_sizes(EncodeIds({1, 1}));
                }),
                "spec.selection.batch_sizes: not together with best");
}

TEST(SizeEstimateRequestTest, SampledRefusalsNameTheField) {
  for (const double quantile : {-0.5, 1.5, std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity()}) {
    ExpectInvalid(EstimateError([&](auto& r) { r.set_quantile(quantile); }), "quantile: ");
  }
  ExpectInvalid(EstimateError([](auto& r) { r.set_epoch(-1); }), "epoch: -1");
  ExpectInvalid(EstimateError([](auto& r) { r.set_batch_size(8); }), "batch_size: 8; not together");
  ExpectInvalid(EstimateError([](auto& r) { r.mutable_selection()->mutable_range()->set_stop(9); }),
                "selection: not together with spec");
  ExpectInvalid(EstimateError([](auto& r) { r.mutable_spec()->set_strategy(v1::PAD_TO_MAX); }),
                "spec.strategy: PAD_TO_MAX; NEIGHBOR or CLUSTER");
  ExpectInvalid(EstimateError([](auto& r) { r.mutable_spec()->clear_strategy(); }),
                "strategy: not set");
  ExpectInvalid(EstimateError([](auto& r) {
                  r.clear_spec();
                  r.set_quantile(0.5);
                }),
                "quantile: 0.5; only of sampled batches");
}

TEST(PartitionRequestTest, FillsInTheColumnAndRefusesByField) {
  v1::PartitionDatasetRequest message;
  ExpectInvalid(ParseRequest(message).status(), "dataset: not set");
  message.set_dataset("arxiv@2");
  ExpectInvalid(ParseRequest(message).status(), "num_parts: 0; at least 1");
  message.set_num_parts(-3);
  ExpectInvalid(ParseRequest(message).status(), "num_parts: -3");
  message.set_num_parts(100);
  message.set_seed(~uint64_t{0});
  auto request = ParseRequest(message);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->dataset, "arxiv@2");
  EXPECT_EQ(request->num_parts, 100);
  EXPECT_EQ(request->seed, ~uint64_t{0});
  EXPECT_EQ(request->column, "partition");
  message.set_column("cluster");
  EXPECT_EQ(ParseRequest(message)->column, "cluster");
}

}  // namespace
}  // namespace graphfeed::wire
