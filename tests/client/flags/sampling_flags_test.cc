#include "client/flags/sampling_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/flags/parse_flags.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(SamplingFlagsTest, EveryFlagReachesItsField) {
  const auto options = Parse(
      "imdb --strategy neighbor --num-neighbors movie|to|actor=5,-1;3,0 --input-nodes "
      "movie:train_mask --batch-size 5 --replace --subgraph-type induced --disjoint --time-attr "
      "time --temporal-strategy last --weight-attr w --graphs 3,1 --num-nodes 1000 --num-graphs 3 "
      "--node-pad-value 2 --over-size trim --shuffle");
  ASSERT_TRUE(options.ok()) << options.status();
  const BatchSpec& spec = options->spec;
  EXPECT_EQ(spec.strategy, Strategy::kNeighbor);
  EXPECT_EQ(spec.batch_size, 5);
  EXPECT_EQ(spec.options->num_graphs, 3) << "seeds are not graphs";
  EXPECT_EQ(spec.options->node_pad_value, 2);
  EXPECT_TRUE(spec.masks);
  EXPECT_FALSE(spec.ragged);
  EXPECT_THAT(spec.selection.ids, ElementsAre(3, 1));
  ASSERT_TRUE(spec.sampling.has_value());
  const SamplingSpec& sampling = *spec.sampling;
  EXPECT_THAT(sampling.num_neighbors,
              ElementsAre(Pair("", ElementsAre(3, 0)), Pair("movie|to|actor", ElementsAre(5, -1))));
  EXPECT_TRUE(sampling.replace);
  EXPECT_EQ(sampling.subgraph_type, SubgraphType::kInduced);
  EXPECT_TRUE(sampling.disjoint);
  EXPECT_EQ(sampling.time_attr, "time");
  EXPECT_EQ(sampling.temporal_strategy, TemporalStrategy::kLast);
  EXPECT_EQ(sampling.weight_attr, "w");
  EXPECT_EQ(sampling.input_type, "movie");
  EXPECT_EQ(sampling.input_mask, "train_mask");
  EXPECT_FALSE(sampling.links.has_value());
  EXPECT_THAT(sampling.partition, IsEmpty());
}

TEST(SamplingFlagsTest, LinksAndTheirNegatives) {
  const auto links = [](const std::string& more) {
    return Parse("g --strategy neighbor --num-neighbors 2 --links node|to|node " + more)
        ->spec.sampling->links;
  };
  EXPECT_EQ(links("")->negative_mode, NegativeMode::kNone);
  EXPECT_EQ(links("")->edge_type, "node|to|node");
  EXPECT_FALSE(links("")->exclude_seed_edges);
  EXPECT_TRUE(links("--exclude-seed-edges")->exclude_seed_edges);
  EXPECT_EQ(links("--negatives binary")->negative_amount, 1);
  EXPECT_EQ(links("--negatives binary")->negative_mode, NegativeMode::kBinary);
  EXPECT_EQ(links("--negatives triplet:2.5")->negative_amount, 2.5);
  EXPECT_EQ(links("--negatives triplet:2.5")->negative_mode, NegativeMode::kTriplet);
}

TEST(SamplingFlagsTest, ClustersAreNamedByAColumn) {
  const auto spec = [](const std::string& arguments) { return Parse(arguments)->spec; };
  EXPECT_EQ(spec("g --strategy cluster").sampling->partition, "partition");
  EXPECT_EQ(spec("g --strategy cluster").batch_size, 1);
  EXPECT_EQ(spec("g --strategy cluster --partition metis").sampling->partition, "metis");
  EXPECT_TRUE(spec("g --strategy cluster --ragged").ragged);
  EXPECT_FALSE(spec("g --strategy cluster --ragged").masks);
}

TEST(SamplingFlagsTest, TheTypeOfInputNodesMayBeLeftOut) {
  const auto sampling = [](const std::string& input) {
    return *Parse("g --strategy neighbor --num-neighbors 2 --input-nodes " + input)->spec.sampling;
  };
  EXPECT_EQ(sampling(":m").input_type, "");
  EXPECT_EQ(sampling(":m").input_mask, "m");
  EXPECT_EQ(sampling("movie").input_type, "movie");
  EXPECT_EQ(sampling("movie").input_mask, "");
}

TEST(SamplingFlagsTest, ContradictionsNameTheFlags) {
  const std::string neighbor = "m --strategy neighbor --num-neighbors 5 ";
  for (const auto& [arguments, error] : std::vector<std::pair<std::string, std::string>>{
           {"m --strategy neighbor", "--num-neighbors"},
           {"m --strategy neighbor --num-neighbors 5,x", "--num-neighbors is '5,x'"},
           {neighbor + "--partition p", "--partition needs --strategy cluster"},
           {neighbor + "--negatives binary:1", "--negatives needs --links"},
           {neighbor + "--exclude-seed-edges", "--exclude-seed-edges needs --links"},
           {neighbor + "--links e --negatives binary:0", "--negatives is 'binary:0'"},
           {neighbor + "--links e --negatives some", "--negatives is 'some'"},
           {neighbor + "--links e --input-nodes movie", "either nodes or edges"},
           {neighbor + "--temporal-strategy last", "needs --time-attr"},
           {neighbor + "--ragged --num-nodes 5", "--ragged pads nothing"},
           {neighbor + "--num-edges 5", "--num-edges needs --num-nodes"},
           {"m --strategy cluster --replace", "--replace needs --strategy neighbor"},
           {"m --batch-size 5 --num-neighbors 5", "--num-neighbors needs --strategy neighbor"},
           {"m --batch-size 5 --partition p", "--partition needs --strategy cluster"},
           {"m --batch-size 5 --quantile 0.5", "--quantile needs --strategy"},
           {"m --batch-size 5 --ragged", "--ragged is for --strategy neighbor"}}) {
    const auto options = Parse(arguments);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << arguments;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(error)) << arguments;
  }
}

TEST(SamplingFlagsTest, UnknownWordsAreUsageErrors) {
  EXPECT_THAT(Parse("m --subgraph-type all").status().message(), HasSubstr("all"));
  EXPECT_THAT(Parse("m --temporal-strategy first").status().message(), HasSubstr("first"));
  EXPECT_THAT(Parse("m --quantile 0").status().message(), HasSubstr("--quantile"));
  EXPECT_THAT(Parse("m --quantile 1.5").status().message(), HasSubstr("--quantile"));
}

TEST(ParseNumNeighborsTest, OneListForAllOrOneForEach) {
  EXPECT_THAT(*ParseNumNeighbors("15,10"), ElementsAre(Pair("", ElementsAre(15, 10))));
  EXPECT_THAT(*ParseNumNeighbors("a|to|b=-1;b|to|a=0,3"),
              ElementsAre(Pair("a|to|b", ElementsAre(-1)), Pair("b|to|a", ElementsAre(0, 3))));
  for (const char* text : {"", "5,", "a=", "=5", "5;6", "a=5;a=6", "a=5;"}) {
    EXPECT_FALSE(ParseNumNeighbors(text).ok()) << text;
  }
}

}  // namespace
}  // namespace graphfeed
