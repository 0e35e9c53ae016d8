#include "client/flags/spec_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/client/flags/parse_flags.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(SpecFlagsTest, EveryFlagReachesItsField) {
  const auto options = Parse(
      "mutag@3 --strategy pack --num-nodes 179 --num-edges 395 --num-graphs 10 "
      "--node-pad-value 1.5 --edge-pad-value 2 --graph-pad-value -1 --over-size skip "
      "--graphs 0:150 --shuffle --seed 18446744073709551615 --epoch 4 --drop-last "
      "--micro-batches 3 --incomplete-step drop --no-masks --exclude a,b --follow-batch x "
      "--index-dtype int32 --narrow y,z --float16 x --num-shards 4 --shard-index 2 "
      "--uneven-shards repeat");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->dataset, "mutag@3");
  EXPECT_EQ(options->seed, 18446744073709551615u);
  EXPECT_EQ(options->start_epoch, 4);
  EXPECT_EQ(options->num_shards, 4);
  EXPECT_EQ(options->shard_index, 2);
  EXPECT_EQ(options->uneven_shards, UnevenShards::kRepeat);
  const BatchSpec& spec = options->spec;
  EXPECT_EQ(spec.strategy, Strategy::kStreamPack);
  EXPECT_EQ(spec.over_size, OverSize::kSkip);
  EXPECT_EQ(spec.batch_size, 10);
  EXPECT_THAT(spec.options->num_nodes, ElementsAre(Pair("", 179)));
  EXPECT_THAT(spec.options->num_edges, ElementsAre(Pair("", 395)));
  EXPECT_EQ(spec.options->num_graphs, 10);
  EXPECT_EQ(spec.options->node_pad_value, 1.5);
  EXPECT_EQ(spec.options->edge_pad_value, 2);
  EXPECT_EQ(spec.options->graph_pad_value, -1);
  EXPECT_EQ(spec.selection.kind, Selection::Kind::kRange);
  EXPECT_EQ(spec.selection.stop, 150);
  EXPECT_TRUE(spec.shuffle);
  EXPECT_TRUE(spec.drop_last);
  EXPECT_EQ(spec.micro_batches, 3);
  EXPECT_EQ(spec.incomplete_step, IncompleteStep::kDrop);
  EXPECT_FALSE(spec.masks);
  EXPECT_THAT(spec.exclude_keys, ElementsAre("a", "b"));
  EXPECT_THAT(spec.follow_batch, ElementsAre("x"));
  EXPECT_EQ(spec.index_dtype, DType::kInt32);
  EXPECT_THAT(spec.narrow_columns, ElementsAre("y", "z"));
  EXPECT_THAT(spec.float16_columns, ElementsAre("x"));
}

TEST(SpecFlagsTest, SizesMayComeFromTheDataset) {
  const auto options = Parse("mutag --batch-size 10");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->spec.options.has_value());
  EXPECT_EQ(options->spec.strategy, Strategy::kPadToMax);
  EXPECT_EQ(options->spec.batch_size, 10);
  EXPECT_TRUE(options->spec.masks);
}

TEST(SpecFlagsTest, DefaultsAreThoseOfThePythonLoaders) {
  EXPECT_EQ(Parse("m")->spec.batch_size, 2);
  EXPECT_EQ(Parse("m")->spec.over_size, OverSize::kError);
  EXPECT_EQ(Parse("m --strategy pack")->spec.batch_size, 2);
  const std::string sampled = "m --strategy neighbor --num-neighbors 5";
  EXPECT_EQ(Parse(sampled)->spec.over_size, OverSize::kTrimNodesAndEdges);
  EXPECT_EQ(Parse("m --strategy cluster")->spec.over_size, OverSize::kTrimNodesAndEdges);
  EXPECT_EQ(Parse(sampled + " --over-size error")->spec.over_size, OverSize::kError);
  EXPECT_EQ(Parse(sampled + " --ragged")->spec.over_size, OverSize::kError);
}

TEST(SpecFlagsTest, PlainBatchesHoldOneGraphUnlessTold) {
  EXPECT_EQ(Parse("cora --strategy plain")->spec.batch_size, 1);
  EXPECT_EQ(Parse("qm9 --strategy plain --batch-size 4")->spec.batch_size, 4);
}

TEST(SpecFlagsTest, ASeedThatIsNotGivenIsDrawn) {
  EXPECT_NE(Parse("m --batch-size 2")->seed, Parse("m --batch-size 2")->seed);
}

TEST(SpecFlagsTest, ContradictionsNameTheFlags) {
  for (const auto& [arguments, error] : std::vector<std::pair<std::string, std::string>>{
           {"m --num-edges 5", "--num-edges needs --num-nodes"},
           {"m --batch-size 4 --num-graphs 5", "--batch-size is 4 and --num-graphs 5"},
           {"m --strategy plain --num-nodes 5", "pads nothing"},
           {"m --batch-size 4 --node-pad-value 1", "pad values need --num-nodes"},
           {"m --num-nodes many", "--num-nodes is 'many'"},
           {"m --batch-size 4 --graphs 1:x", "--graphs is '1:x'"}}) {
    const auto options = Parse(arguments);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << arguments;
    EXPECT_THAT(options.status().message(), HasSubstr(error));
  }
}

TEST(SpecFlagsTest, BestSizesAreLeftToTheServer) {
  const auto options = Parse("mutag --strategy best-pack --best nodes=2304");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->spec.options.has_value());
  EXPECT_EQ(options->spec.batch_size, 0);
  for (const SizeLimit limit : {SizeLimit::kNodes, SizeLimit::kBytes, SizeLimit::kGraphs}) {
    const auto target = ParseSizeTarget(absl::StrCat(FlagOf(limit), "=12"));
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(target->limit, limit);
    EXPECT_EQ(target->at_most, 12);
  }
  for (const char* wrong : {"nodes", "nodes=", "nodes=many", "edges=5", "=5"}) {
    EXPECT_THAT(std::string(Parse(absl::StrCat("mutag --best ", wrong)).status().message()),
                HasSubstr("not nodes=NUMBER, bytes=NUMBER or graphs=NUMBER"))
        << wrong;
  }
  const auto error = [](const char* arguments) {
    return std::string(Parse(arguments).status().message());
  };
  EXPECT_THAT(error("mutag --best nodes=9 --strategy plain"), HasSubstr("not plain"));
  EXPECT_THAT(error("mutag --best nodes=9 --num-nodes 9"), HasSubstr("one or the other"));
  EXPECT_THAT(error("mutag --best nodes=9 --batch-size 9"), HasSubstr("one or the other"));
}

TEST(SpecFlagsTest, UnknownWordsAreUsageErrors) {
  EXPECT_THAT(Parse("m --strategy best").status().message(), HasSubstr("best"));
  EXPECT_THAT(Parse("m --over-size trim-all").status().message(), HasSubstr("trim-all"));
  EXPECT_THAT(Parse("m --batch-size 0").status().message(), HasSubstr("--batch-size"));
  EXPECT_THAT(Parse("").status().message(), HasSubstr("dataset"));
}

TEST(ParseTypedSizesTest, OneForAllOrOneForEach) {
  EXPECT_THAT(*ParseTypedSizes("f", "100"), ElementsAre(Pair("", 100)));
  EXPECT_THAT(*ParseTypedSizes("f", "movie=100,a|to|b=7"),
              ElementsAre(Pair("a|to|b", 7), Pair("movie", 100)));
  for (const char* text : {"", "a=", "=x", "1,2", "a=1,a=2", "5,a=1"}) {
    EXPECT_FALSE(ParseTypedSizes("f", text).ok()) << text;
  }
}

TEST(ParseSelectionTest, RangesAndLists) {
  const auto range = ParseSelection("3:9");
  EXPECT_EQ(range->start, 3);
  EXPECT_EQ(range->stop, 9);
  const auto ids = ParseSelection("3,1,2");
  EXPECT_EQ(ids->kind, Selection::Kind::kIds);
  EXPECT_THAT(ids->ids, ElementsAre(3, 1, 2));
  for (const char* text : {":", "1:", "x", "1,,2", "1:2:3"}) {
    EXPECT_FALSE(ParseSelection(text).ok()) << text;
  }
}

TEST(ParseSelectionTest, AFileHoldsMoreThanACommandLine) {
  const std::string path = testing::TempDir() + "/selection";
  const auto read = [&](const std::string& content) {
    std::ofstream(path) << content;
    return ParseSelection("@" + path);
  };
  EXPECT_THAT(read("3,1,2\n")->ids, ElementsAre(3, 1, 2));
  EXPECT_EQ(read("3:9")->stop, 9);
  EXPECT_FALSE(read("").ok());
  EXPECT_FALSE(read("@" + path).ok());
  EXPECT_EQ(ParseSelection("@/none").status().message(),
            "--graphs is '@/none': the file cannot be read");
}

}  // namespace
}  // namespace graphfeed
