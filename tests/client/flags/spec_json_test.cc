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

}  // namespace
}  // namespace graphfeed
