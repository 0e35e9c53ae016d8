#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/spec_fields.h"
#include "proto/wire/messages.h"
#include "tests/proto/wire/expect_invalid.h"

namespace graphfeed::wire {
namespace {

// No field has its default.
SamplingSpec FullSampling() {
  SamplingSpec sampling;
  sampling.num_neighbors = {{"", {5, -1}}, {"movie|to|actor", {0, 3}}};
  sampling.replace = true;
  sampling.subgraph_type = SubgraphType::kInduced;
  sampling.disjoint = true;
  sampling.time_attr = "time";
  sampling.temporal_strategy = TemporalStrategy::kLast;
  sampling.weight_attr = "weight";
  sampling.input_type = "movie";
  sampling.input_mask = "train_mask";
  sampling.input_time = {10, -20, 1'000'000'000'000};
  sampling.links = LinkSeeds{.edge_type = "movie|to|actor",
                             .sources = {4, 0},
                             .targets = {2, 2},
                             .labels = {1, 7},
                             .negative_mode = NegativeMode::kTriplet,
                             .negative_amount = 2.5,
                             .exclude_seed_edges = true,
                             .float_labels = {3.5, -1}};
  sampling.partition = "cluster";
  return sampling;
}

TEST(SamplingMessageTest, EveryFieldRoundTripsInsideASpec) {
  BatchSpec spec;
  spec.strategy = Strategy::kNeighbor;
  spec.sampling = FullSampling();
  const v1::BatchSpec message = ToProto(spec);
  const auto back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->strategy, Strategy::kNeighbor);
  ASSERT_TRUE(back->sampling.has_value());
  const SamplingSpec expected = FullSampling();
  EXPECT_EQ(*back->sampling, expected);
  FieldsOf<SamplingSpec>::Visit([&](const char* name, auto member) {
    EXPECT_NE(expected.*member, SamplingSpec().*member) << name << " was sent as its default";
  });
  FieldsOf<LinkSeeds>::Visit([&](const char* name, auto member) {
    EXPECT_NE((*expected.links).*member, LinkSeeds().*member) << name;
  });
  EXPECT_EQ(ToProto(*back).SerializeAsString(), message.SerializeAsString());
}

TEST(SamplingMessageTest, DefaultsAreThoseOfTheComments) {
  v1::Sampling message;
  auto sampling = FromProto(message);
  ASSERT_TRUE(sampling.ok()) << sampling.status();
  EXPECT_FALSE(sampling->links.has_value());
  EXPECT_TRUE(sampling->num_neighbors.empty());
  EXPECT_EQ(sampling->subgraph_type, SubgraphType::kDirectional);
  message.mutable_links();
  sampling = FromProto(message);
  ASSERT_TRUE(sampling.ok()) << sampling.status();
  ASSERT_TRUE(sampling->links.has_value());
  EXPECT_EQ(sampling->links->negative_mode, NegativeMode::kNone);
  EXPECT_EQ(sampling->links->negative_amount, 1);
}

TEST(SamplingMessageTest, RefusalsNameTheField) {
  auto with = [](auto change) {
    v1::Sampling message = ToProto(FullSampling());
    change(message);
    return FromProto(message);
  };
  ExpectInvalid(with([](auto& m) { *m.add_num_neighbors() = m.num_neighbors(1); }),
                "sampling.num_neighbors: type \"movie|to|actor\" given twice");
  ExpectInvalid(
      with([](auto& m) { m.set_subgraph_type(static_cast<v1::Sampling::SubgraphType>(3)); }),
      "sampling.subgraph_type: unknown value 3");
  ExpectInvalid(with([](auto& m) {
                  m.set_temporal_strategy(static_cast<v1::Sampling::TemporalStrategy>(-1));
                }),
                "sampling.temporal_strategy: unknown value -1");
  ExpectInvalid(with([](auto& m) { m.mutable_links()->set_float_labels("12345"); }),
                "sampling.links.float_labels has 5 bytes; floats have four each");
  ExpectInvalid(with([](auto& m) { m.set_input_time("\x80"); }),
                "sampling.input_time: the code ends inside id 0");
  ExpectInvalid(with([](auto& m) { m.mutable_links()->set_sources("\x80"); }),
                "sampling.links.sources: the code ends");
  ExpectInvalid(with([](auto& m) { m.mutable_links()->set_targets("\x80"); }),
                "sampling.links.targets: the code ends");
  ExpectInvalid(with([](auto& m) { m.mutable_links()->set_labels("\x80"); }),
                "sampling.links.labels: the code ends");
  ExpectInvalid(with([](auto& m) { m.mutable_links()->clear_targets(); }),
                "sampling.links.targets: 0 ids; sampling.links.sources has 2");
  ExpectInvalid(
      with([](auto& m) {
        m.mutable_links()->set_negative_mode(static_cast<v1::Sampling::Links::NegativeMode>(9));
      }),
      "sampling.links.negative_mode: unknown value 9");
  for (const double amount :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    ExpectInvalid(with([&](auto& m) { m.mutable_links()->set_negative_amount(amount); }),
                  "sampling.links.negative_amount: ");
  }
}

TEST(SizeEstimateMessageTest, RoundTripsAndRefusesWhatIsNoShare) {
  SizeEstimate report;
  report.options.num_nodes = {{"movie", 66}, {"actor", 16}};
  report.options.num_edges = {{"movie|to|actor", 56}};
  report.trimmed_nodes = {0, 0.125};
  report.trimmed_edges = {0.5};
  report.trimmed_batches = 0.25;
  report.num_samples = 86;
  const v1::EstimateOptionsResponse message = ToProto(report);
  const auto back = FromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->options.num_nodes, report.options.num_nodes);
  EXPECT_EQ(back->options.num_edges, report.options.num_edges);
  EXPECT_EQ(back->trimmed_nodes, report.trimmed_nodes);
  EXPECT_EQ(back->trimmed_edges, report.trimmed_edges);
  EXPECT_EQ(back->trimmed_batches, 0.25);
  EXPECT_EQ(back->num_samples, 86);

  auto with = [&](auto change) {
    v1::EstimateOptionsResponse changed = message;
    change(changed);
    return FromProto(changed);
  };
  ExpectInvalid(with([](auto& m) { m.set_trimmed_nodes(0, 1.5); }), "trimmed_nodes: 1.5");
  ExpectInvalid(with([](auto& m) { m.set_trimmed_edges(0, -1); }), "trimmed_edges: -1");
  ExpectInvalid(
      with([](auto& m) { m.set_trimmed_batches(std::numeric_limits<double>::quiet_NaN()); }),
      "trimmed_batches: nan");
  ExpectInvalid(with([](auto& m) { m.set_num_samples(-1); }), "num_samples: -1");
}

TEST(SizeChoiceMessageTest, RoundTripsAndRefusesWhatIsNoShare) {
  SizeChoice choice{.options = {},
                    .num_graphs = 130'839,
                    .sampled_graphs = 100'000,
                    .num_batches = 1028,
                    .lower_bound_batches = 1027,
                    .node_efficiency = 0.75,
                    .edge_efficiency = 0.5,
                    .padding_share = 0.25,
                    .batch_bytes = 280'512};
  choice.options.num_nodes = {{"", 2303}};
  choice.options.num_edges = {{"", 4758}};
  choice.options.num_graphs = 134;
  const v1::EstimateOptionsResponse message = ToProto(choice);
  const auto back = ChoiceFromProto(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->options.num_nodes, choice.options.num_nodes);
  EXPECT_EQ(back->options.num_edges, choice.options.num_edges);
  EXPECT_EQ(back->options.num_graphs, 134);
  EXPECT_EQ(back->num_graphs, 130'839);
  EXPECT_EQ(back->sampled_graphs, 100'000);
  EXPECT_EQ(back->num_batches, 1028);
  EXPECT_EQ(back->lower_bound_batches, 1027);
  EXPECT_EQ(back->node_efficiency, 0.75);
  EXPECT_EQ(back->edge_efficiency, 0.5);
  EXPECT_EQ(back->padding_share, 0.25);
  EXPECT_EQ(back->batch_bytes, 280'512);

  const auto with = [&](auto change) {
    v1::EstimateOptionsResponse changed = message;
    change(changed);
    return ChoiceFromProto(changed).status();
  };
  ExpectInvalid(with([](auto& m) { m.clear_choice(); }), "choice: not set");
  ExpectInvalid(with([](auto& m) { m.mutable_choice()->set_padding_share(-0.5); }),
                "choice.padding_share: -0.5; a share is 0 to 1");
  ExpectInvalid(with([](auto& m) { m.mutable_choice()->set_num_batches(-1); }),
                "choice.num_batches: -1; at least 0");
}

}  // namespace
}  // namespace graphfeed::wire
