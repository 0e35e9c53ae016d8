#include "server/batching/resolved_spec.h"

#include <functional>
#include <limits>

#include "server/batching/resolve/sizes.h"
#include "storage/base/digest.h"
#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

MemoryDataset Data(bool heterogeneous = false) {
  Schema schema = Schema::Homogeneous(true);
  if (heterogeneous) {
    schema.heterogeneous = true;
    schema.node_types = {"a", "b"};
    schema.edge_types = {{0, "to", 1}};
    schema.columns = {NodeColumn("x", DType::kFloat32, {1}, 0), EdgeIndexColumn(schema, 0)};
    MemoryDataset data(schema);
    data.AddGraph({3, 0}, {0});
    data.AddGraph({1, 4}, {2});
    data.Append<float>("x", {1, 2, 3, 4}, "a");
    data.Append<int64_t>("edge_index", {0, 1, 0, 3}, "a|to|b");
    data.Finish();
    return data;
  }
  ColumnSchema k = GraphColumn("k", DType::kInt16);
  k.non_tensor = true;
  ColumnSchema root = GraphColumn("root_index", DType::kInt64);
  root.index_types = {0};
  schema.columns = {NodeColumn("x", DType::kFloat32, {2}), EdgeIndexColumn(schema),
                    NodeColumn("u8", DType::kUint8),       GraphColumn("big", DType::kInt64),
                    GraphColumn("y", DType::kFloat64),     k,
                    GraphColumn("name", DType::kString),   root};
  MemoryDataset data(schema);
  const int64_t sizes[][2] = {{3, 2}, {9, 9}, {4, 30}, {1, 0}};
  for (const auto& [nodes, edges] : sizes) {
    data.AddGraph({nodes}, {edges});
    data.Append("x", std::vector<float>(2 * nodes, 1));
    data.Append("edge_index", std::vector<int64_t>(2 * edges, 0));
    data.Append("u8", std::vector<uint8_t>(nodes, 3));
    data.Append<int64_t>("big", {int64_t{1} << 31});
    data.Append<double>("y", {70000});
    data.Append<int16_t>("k", {1});
    data.Append<int64_t>("root_index", {0});
  }
  data.Finish();
  return data;
}

absl::StatusOr<ResolvedSpec> Resolve(const BatchSpec& request, bool heterogeneous = false) {
  MemoryDataset data = Data(heterogeneous);
  return ResolveSpec(request, data.info(), data.offsets());
}

TEST(ResolveSpecTest, DefaultNumEdgesIsACompleteGraph) {
  BatchSpec request = Padded(5, 1, 2);
  request.options->num_edges.clear();
  EXPECT_THAT(Resolve(request)->options.num_edges, ElementsAre(20));
  request.options->num_nodes = {{"a", 2}, {"b", 3}};
  EXPECT_THAT(Resolve(request, true)->options.num_edges, ElementsAre(20));
}

TEST(ResolveSpecTest, OneCountServesEveryTypeInFull) {
  const ResolvedSpec spec = *Resolve(Padded(10, 7, 3), true);
  EXPECT_THAT(spec.options.num_nodes, ElementsAre(10, 10));
  EXPECT_THAT(spec.options.num_edges, ElementsAre(7));
}

TEST(ResolveSpecTest, MissingOptionsAreDerivedFromTheSelection) {
  BatchSpec request;
  request.strategy = Strategy::kStreamPack;
  request.batch_size = 4;
  ResolvedSpec spec = *Resolve(request);
  EXPECT_THAT(spec.options.num_nodes, ElementsAre(28));
  EXPECT_THAT(spec.options.num_edges, ElementsAre(91));
  EXPECT_EQ(spec.options.num_graphs, 4);
  request.sample_limit = 1;
  EXPECT_THAT(Resolve(request)->options.num_nodes, ElementsAre(10));
  request.strategy = Strategy::kPadToMax;
  request.selection = {Selection::Kind::kIds, 0, 0, {3, 1}, {}};
  EXPECT_THAT(Resolve(request)->options.num_nodes, ElementsAre(4));
}

TEST(EstimateSizesTest, TakesTheLargestGraphOfEachType) {
  MemoryDataset data = Data(true);
  const auto options = EstimateSizes(data.schema(), data.offsets(), Selection(), 4, 0);
  EXPECT_THAT(options->num_nodes, ElementsAre(10, 13));
  EXPECT_THAT(options->num_edges, ElementsAre(7));
  const auto refused = EstimateSizes(data.schema(), data.offsets(), Selection(), 1, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("batch_size is 1"));
  EXPECT_EQ(EstimateSizes(data.schema(), data.offsets(), Selection(), int64_t{1} << 40, 0)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ResolveSpecTest, EqualSelectionsBecomeEqual) {
  BatchSpec all = Padded(50, 90, 3);
  BatchSpec range = all;
  range.selection = {Selection::Kind::kRange, 0, 4, {}, {}};
  BatchSpec ids = all;
  ids.selection = {Selection::Kind::kIds, 0, 0, {0, 1, 2, 3}, {}};
  const MemoryDataset data = Data();
  const Fingerprint digest = SpecDigest(*Resolve(all), data.schema());
  EXPECT_EQ(SpecDigest(*Resolve(range), data.schema()), digest);
  EXPECT_EQ(SpecDigest(*Resolve(ids), data.schema()), digest);
  ids.selection.ids = {0, 1, 3, 2};
  EXPECT_NE(SpecDigest(*Resolve(ids), data.schema()), digest);
}

struct Refusal {
  const char* message;  // a part of it
  std::function<void(BatchSpec&)> change;
};

TEST(ResolveSpecTest, RefusesBadFieldsNamingFieldValueAndLimit) {
  const Refusal refusals[] = {
      {"num_graphs is 1; it is at least 2", [](auto& r) { r.options->num_graphs = 1; }},
      {"num_graphs is 2199023255552; it is 1 to 2^40",
       [](auto& r) { r.options->num_graphs = int64_t{1} << 41; }},
      {"num_nodes is 0; it is 1 to 2^40", [](auto& r) { r.options->num_nodes[""] = 0; }},
      {"num_edges is -3; it is 1 to 2^40", [](auto& r) { r.options->num_edges[""] = -3; }},
      {"num_nodes is not set", [](auto& r) { r.options->num_nodes.clear(); }},
      {"num_nodes names \"movie\"",
       [](auto& r) {
         r.options->num_nodes = {{"node", 5}, {"movie", 5}};
       }},
      {"num_edges names \"other\", which is no type",
       [](auto& r) {
         r.options->num_edges["other"] = 5;
         r.options->num_edges.erase("");
       }},
      {"num_nodes has one count for all types and others",
       [](auto& r) { r.options->num_nodes["node"] = 5; }},
      {"its default T * (T - 1) for T = 1099511627776",
       [](auto& r) {
         r.options->num_nodes[""] = int64_t{1} << 40;
         r.options->num_edges.clear();
       }},
      {"batch_size is 7, but options.num_graphs is 3", [](auto& r) { r.batch_size = 7; }},
      {"micro_batches is 0; it is 1 to 4096", [](auto& r) { r.micro_batches = 0; }},
      {"micro_batches is 5000; it is 1 to 4096", [](auto& r) { r.micro_batches = 5000; }},
      {"index_dtype is float32; int64 or int32", [](auto& r) { r.index_dtype = DType::kFloat32; }},
      {"algorithm_version is 99", [](auto& r) { r.algorithm_version = 99; }},
      {"strategy 9 does not exist", [](auto& r) { r.strategy = static_cast<Strategy>(9); }},
      {"over_size 9 does not exist", [](auto& r) { r.over_size = static_cast<OverSize>(9); }},
      {"selection is the range 2 to 5 of 4 graphs",
       [](auto& r) {
         r.selection = {Selection::Kind::kRange, 2, 5, {}, {}};
       }},
      {"selection.ids[1] is 4; the dataset has 4 graphs",
       [](auto& r) {
         r.selection = {Selection::Kind::kIds, 0, 0, {0, 4}, {}};
       }},
      {"the selection holds no graphs",
       [](auto& r) {
         r.selection = {Selection::Kind::kRange, 2, 2, {}, {}};
       }},
      {"selection.batch_sizes[1] is 3; 2 graphs are left",
       [](auto& r) {
         r.selection.batch_sizes = {2, 3};
       }},
      {"selection.batch_sizes leave 1 of 4 graphs over",
       [](auto& r) {
         r.selection.batch_sizes = {2, 1};
       }},
      {"selection.batch_sizes[0] is 0",
       [](auto& r) {
         r.selection.batch_sizes = {0, 4};
       }},
      {"selection.batch_sizes is set, which excludes shuffle",
       [](auto& r) {
         r.selection.batch_sizes = {4};
         r.shuffle = true;
       }},
      {"packing cuts the batches itself",
       [](auto& r) {
         r.selection.batch_sizes = {4};
         r.strategy = Strategy::kStreamPack;
       }},
      {"num_edges is 2; STREAM_PACK needs at least one for each of the 3 graphs",
       [](auto& r) {
         r.strategy = Strategy::kStreamPack;
         r.options->num_edges[""] = 2;
       }},
      {"exclude_keys names \"nope\"", [](auto& r) { r.exclude_keys = {"nope"}; }},
      {"follow_batch names \"nope\"", [](auto& r) { r.follow_batch = {"nope"}; }},
      {"follow_batch names \"name\", which holds strings",
       [](auto& r) { r.follow_batch = {"name"}; }},
      {"follow_batch names \"x\", which exclude_keys excludes",
       [](auto& r) {
         r.follow_batch = {"x"};
         r.exclude_keys = {"x"};
       }},
      {"node_pad_value is 256, which column \"u8\" of uint8 cannot hold",
       [](auto& r) { r.options->node_pad_value = 256; }},
      {"graph_pad_value is nan, which column \"big\"",
       [](auto& r) { r.options->graph_pad_value = std::numeric_limits<double>::quiet_NaN(); }},
      {"pad_graph_defaults[k] is 40000, which column \"k\" of int16",
       [](auto& r) { r.options->pad_graph_defaults["k"] = 40000; }},
      {"pad_graph_defaults names \"z\", which is no graph-level column",
       [](auto& r) { r.options->pad_graph_defaults["z"] = 1; }},
      {"pad_graph_defaults names \"y\", which is a tensor",
       [](auto& r) { r.options->pad_graph_defaults["y"] = 1; }},
      {"narrow_columns names \"y\", which is float64, not int64",
       [](auto& r) { r.narrow_columns = {"y"}; }},
      {"narrow_columns names \"edge_index\", an index column",
       [](auto& r) { r.narrow_columns = {"edge_index"}; }},
      {"column \"big\" holds values from 2147483648 to 2147483648; they do not fit int32",
       [](auto& r) { r.narrow_columns = {"big"}; }},
      {"float16_columns names \"u8\"", [](auto& r) { r.float16_columns = {"u8"}; }},
      {"holds values from 70000 to 70000; float16 ends at 65504",
       [](auto& r) { r.float16_columns = {"y"}; }},
      {"index_dtype is int32, but a batch may have 4294967296 nodes",
       [](auto& r) {
         r.index_dtype = DType::kInt32;
         r.options->num_nodes[""] = int64_t{1} << 32;
       }},
      {"over_size trims nodes, but column \"root_index\"",
       [](auto& r) { r.over_size = OverSize::kTrimNodes; }},
      {"plain batches are not padded", [](auto& r) { r.strategy = Strategy::kPlain; }},
  };
  for (const Refusal& refusal : refusals) {
    BatchSpec request = Padded(50, 90, 3);
    refusal.change(request);
    const absl::Status status = Resolve(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
  EXPECT_TRUE(Resolve(Padded(50, 90, 3)).ok());
}

TEST(ResolveSpecTest, EveryTypeNeedsACount) {
  BatchSpec request = Padded(5, 5, 2);
  request.options->num_nodes = {{"a", 2}};
  const absl::Status status = Resolve(request, true).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "num_nodes has no count for \"b\"");
}

TEST(ResolveSpecTest, PlainBatchesTakeABatchSizeAndNoMore) {
  BatchSpec request;
  request.strategy = Strategy::kPlain;
  EXPECT_THAT(std::string(Resolve(request).status().message()), HasSubstr("batch_size is 0"));
  request.batch_size = 2;
  EXPECT_TRUE(Resolve(request).ok());
  EXPECT_FALSE(Resolve(request)->masks);
  request.micro_batches = 2;
  EXPECT_THAT(std::string(Resolve(request).status().message()),
              HasSubstr("micro_batches is 2; plain batches have no fixed size"));
  request.micro_batches = 1;
  request.over_size = OverSize::kSkip;
  EXPECT_EQ(Resolve(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ResolveSpecTest, ExcludedColumnsAreNotChecked) {
  BatchSpec request = Padded(50, 90, 3);
  request.options->node_pad_value = 256;
  request.exclude_keys = {"u8"};
  EXPECT_TRUE(Resolve(request).ok());
}

TEST(ResolveSpecTest, NamesAreSortedAndUnique) {
  BatchSpec request = Padded(50, 90, 3);
  request.exclude_keys = {"y", "big", "y"};
  EXPECT_THAT(Resolve(request)->exclude_keys, ElementsAre("big", "y"));
}

std::vector<BatchSpec> ManyRequests() {
  BatchSpec padded = Padded(50, 90, 3);
  BatchSpec derived;
  derived.strategy = Strategy::kStreamPack;
  derived.batch_size = 4;
  derived.sample_limit = 2;
  derived.over_size = OverSize::kSkip;
  BatchSpec plain;
  plain.strategy = Strategy::kPlain;
  plain.batch_size = 2;
  plain.drop_last = true;
  BatchSpec detailed = Padded(50, 90, 5);
  detailed.selection = {Selection::Kind::kIds, 0, 0, {3, 1, 2}, {2, 1}};
  detailed.micro_batches = 3;
  detailed.masks = false;
  detailed.index_dtype = DType::kInt32;
  detailed.exclude_keys = {"big"};
  detailed.follow_batch = {"x", "edge_index"};
  detailed.float16_columns = {"x"};
  detailed.incomplete_step = IncompleteStep::kDrop;
  detailed.options->pad_graph_defaults["k"] = -4;
  detailed.options->node_pad_value = 1.5;
  return {padded, derived, plain, detailed};
}

TEST(RequestFromSpecTest, ResolvesToTheSameSpec) {
  for (const BatchSpec& request : ManyRequests()) {
    MemoryDataset data = Data();
    const ResolvedSpec spec = *ResolveSpec(request, data.info(), data.offsets());
    const BatchSpec resolved = SpecFromResolved(spec, data.schema());
    const auto again = ResolveSpec(resolved, data.info(), data.offsets());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(SpecDigest(*again, data.schema()), SpecDigest(spec, data.schema()));
    EXPECT_EQ(resolved.options.has_value(), spec.fixed_size());
  }
  MemoryDataset typed = Data(true);
  const ResolvedSpec spec = *ResolveSpec(Padded(10, 7, 3), typed.info(), typed.offsets());
  const BatchSpec resolved = SpecFromResolved(spec, typed.schema());
  EXPECT_THAT(resolved.options->num_nodes, ElementsAre(Pair("a", 10), Pair("b", 10)));
  EXPECT_THAT(resolved.options->num_edges, ElementsAre(Pair("a|to|b", 7)));
  EXPECT_EQ(SpecDigest(*ResolveSpec(resolved, typed.info(), typed.offsets()), typed.schema()),
            SpecDigest(spec, typed.schema()));
}

// Recorded: a change of the encoding changes every digest.
TEST(SpecDigestTest, DigestOfARequestIsTheRecordedOne) {
  const MemoryDataset data = Data();
  EXPECT_EQ(DigestHex(SpecDigest(*Resolve(ManyRequests()[3]), data.schema())),
            "17a27364eb95eb2a129b8a7f3a835ce7");
}

}  // namespace
}  // namespace graphfeed
