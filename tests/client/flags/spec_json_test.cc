#include "client/flags/spec_json.h"

#include <gtest/gtest.h>

#include "proto/frame/spec_fields.h"

namespace graphfeed {
namespace {

BatchSpec Spec() {
  BatchSpec spec;
  spec.strategy = Strategy::kNeighbor;
  spec.over_size = OverSize::kTrimNodesAndEdges;
  spec.options = FixedSizeOptions{.num_nodes = {{"", 100}},
                                  .num_edges = {{"a|to|b", 3}, {"b|to|a", 4}},
                                  .pad_graph_defaults = {}};
  spec.selection.kind = Selection::Kind::kRange;
  spec.selection.start = 2;
  spec.selection.stop = 9;
  spec.sampling.emplace();
  spec.sampling->num_neighbors = {{"", {15, -1}}};
  spec.sampling->input_time = {1, 2};
  spec.sampling->links.emplace().sources = {4, 0, 1};
  spec.sampling->links->targets = {2, 2, 2};
  return spec;
}

TEST(SpecJsonTest, EveryFieldOfASpecIsThereByItsName) {
  const Json json = ToJson(Spec());
  FieldsOf<BatchSpec>::Visit(
      [&](const char* name, auto) { EXPECT_TRUE(json.contains(name)) << name; });
  FieldsOf<FixedSizeOptions>::Visit(
      [&](const char* name, auto) { EXPECT_TRUE(json["options"].contains(name)) << name; });
  EXPECT_FALSE(ToJson(BatchSpec()).contains("options"));
  EXPECT_FALSE(ToJson(BatchSpec()).contains("sampling"));
}

TEST(SpecJsonTest, ValuesAreAsFlagsSpellThem) {
  const Json json = ToJson(Spec());
  EXPECT_EQ(json["strategy"], "neighbor");
  EXPECT_EQ(ToJson(BatchSpec())["strategy"], "pad");
  EXPECT_EQ(json["over_size"], "trim");
  EXPECT_EQ(json["index_dtype"], "int64");
  EXPECT_EQ(json["selection"], "2:9");
  EXPECT_EQ(json["options"]["num_nodes"], 100);
  EXPECT_EQ(json["options"]["num_edges"]["b|to|a"], 4);
  EXPECT_EQ(json["sampling"]["num_neighbors"][""], Json({15, -1}));
  EXPECT_EQ(json["sampling"]["subgraph_type"], "directional");
}

TEST(SpecJsonTest, IdsAreNotWritten) {
  const Json sampling = ToJson(Spec())["sampling"];
  EXPECT_FALSE(sampling.contains("input_time"));
  EXPECT_FALSE(sampling["links"].contains("targets"));
  EXPECT_EQ(sampling["links"]["num_pairs"], 3);
}

TEST(SpecJsonTest, WhatIsWrittenWithIdsIsReadAgain) {
  BatchSpec spec = Spec();
  spec.options->num_rows = {{"pairs", 7}};
  spec.options->pad_graph_defaults = {{"y", -1.5}};
  spec.exclude_keys = {"pos"};
  spec.index_dtype = DType::kInt32;
  spec.sampling->links->float_labels = {0.5F};
  const Json json = ToJson(spec, SpecIds::kWritten);
  const auto read = SpecFromJson(Json::parse(json.dump()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read, SpecIds::kWritten), json);
  EXPECT_EQ(read->sampling, spec.sampling);
  EXPECT_EQ(read->options->num_edges, spec.options->num_edges);

  spec.selection = {.kind = Selection::Kind::kIds, .ids = {5, 2, 9}, .batch_sizes = {2, 1}};
  const auto ids = SpecFromJson(ToJson(spec, SpecIds::kWritten));
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->selection.ids, spec.selection.ids);
  EXPECT_EQ(ids->selection.batch_sizes, spec.selection.batch_sizes);
  EXPECT_EQ(SpecFromJson(Json{{"selection", {4, 1}}})->selection.ids, std::vector<int64_t>({4, 1}));
}

TEST(SpecJsonTest, WhatIsNotThereHasItsDefault) {
  const auto read = SpecFromJson(Json::object());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(ToJson(*read), ToJson(BatchSpec()));
}

TEST(SpecJsonTest, ErrorsNameTheFieldAndTheValue) {
  const auto error = [](const char* text) {
    return std::string(SpecFromJson(Json::parse(text)).status().message());
  };
  EXPECT_EQ(error(R"({"strategy": "best"})"),
            "strategy is \"best\": not one of plain, pad, pack, neighbor, cluster, best-pack");
  EXPECT_EQ(error(R"({"options": {"nodes": 3}})"), "the spec has no field options.nodes");
  EXPECT_EQ(error(R"({"options": {"num_nodes": {"movie": "3"}}})"),
            "options.num_nodes.movie is \"3\": not a whole number up to 9223372036854775807");
  EXPECT_EQ(error(R"({"batch_size": 18446744073709551615})"),
            "batch_size is 18446744073709551615: not a whole number up to 9223372036854775807");
  EXPECT_EQ(error(R"({"batch_size": 1.5})"),
            "batch_size is 1.5: not a whole number up to 9223372036854775807");
  EXPECT_EQ(error(R"({"selection": {"num_graphs": 3}})"),
            "selection is {\"num_graphs\":3}: not \"all\", \"START:STOP\", or a list of ids");
  EXPECT_EQ(error(R"([1])"), "the spec is [1]: not an object");
  EXPECT_EQ(error(R"({"exclude_keys": ["x", 3]})"), "exclude_keys[1] is 3: not a string");
}

}  // namespace
}  // namespace graphfeed
