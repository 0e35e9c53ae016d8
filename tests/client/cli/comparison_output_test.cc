#include "client/cli/comparison_output.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StrategyPlan Plan(Strategy strategy, int64_t batches, int64_t bytes) {
  StrategyPlan plan;
  plan.strategy = strategy;
  plan.description.plan.num_batches = batches;
  plan.description.plan.lower_bound_batches = 7;
  plan.description.plan.node_efficiency = 0.5;
  plan.description.plan.edge_efficiency = 0.25;
  plan.description.resolved_spec.strategy = strategy;
  plan.description.resolved_spec.options.emplace();
  plan.description.resolved_spec.options->num_nodes = {{"", 490}};
  plan.description.resolved_spec.options->num_edges = {{"", 1070}};
  plan.description.resolved_spec.options->num_graphs = 31;
  plan.description.graphs_per_batch = {0, 0, batches};
  plan.epoch_bytes = bytes;
  return plan;
}

PlanComparison Three() {
  PlanComparison comparison;
  comparison.plans = {Plan(Strategy::kPadToMax, 9, 900), Plan(Strategy::kStreamPack, 8, 800),
                      Plan(Strategy::kPack, 7, 700)};
  comparison.recommended = Strategy::kPack;
  return comparison;
}

TEST(ComparisonTextTest, StrategiesStandSideBySide) {
  const std::string text = ComparisonText(Three());
  EXPECT_THAT(text, HasSubstr("pad              9         7     50.00 %     25.00 %"));
  EXPECT_THAT(text, HasSubstr("best-pack        7         7"));
  EXPECT_THAT(text, HasSubstr("2    9  ############     8  ############          7"));
  EXPECT_THAT(text, HasSubstr("recommended      --strategy best-pack: the fewest bytes"));
}

TEST(ComparisonTextTest, ChosenSizesAreRecommendedAsFlags) {
  PlanComparison comparison = Three();
  comparison.plans[2].choice.emplace();
  EXPECT_THAT(ComparisonText(comparison),
              HasSubstr("--strategy best-pack --num-graphs 31 --num-nodes 490 --num-edges 1070:"));
  comparison.plans[2].description.resolved_spec.options->num_nodes = {{"a", 4}, {"b", 5}};
  comparison.plans[2].description.resolved_spec.options->num_edges = {{"a|to|b", 6}};
  EXPECT_THAT(ComparisonText(comparison),
              HasSubstr("--num-graphs 31 --num-nodes 'a=4,b=5' --num-edges 'a|to|b=6':"));
}

TEST(ComparisonTextTest, WhatDoesNotFitIsSaidAndNotRecommended) {
  PlanComparison comparison = Three();
  comparison.plans[0].cut_nodes = 0.125;
  comparison.plans[1].refused = absl::FailedPreconditionError("graph 1 has 9 nodes");
  comparison.plans[2].description.plan.skipped_graphs = 3;
  comparison.recommended.reset();
  const std::string text = ComparisonText(comparison);
  EXPECT_THAT(text, HasSubstr("12.50 % of the nodes and 0.00 % of the edges do not fit"));
  EXPECT_THAT(text, HasSubstr("graph 1 has 9 nodes"));
  EXPECT_THAT(text, HasSubstr("3 graphs skipped"));
  EXPECT_THAT(text, HasSubstr("recommended      none"));
  EXPECT_THAT(text, Not(HasSubstr("--strategy")));

  Json json;
  AddComparison(comparison, json);
  EXPECT_TRUE(json["recommended"].is_null());
  EXPECT_EQ(json["strategies"][1]["refused"], "graph 1 has 9 nodes");
  EXPECT_EQ(json["strategies"][0]["cut_nodes"], 0.125);
  EXPECT_EQ(json["strategies"][0]["epoch_bytes"], 900);
}

}  // namespace
}  // namespace graphfeed
