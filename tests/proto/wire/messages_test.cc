// Long: each message there and back, and each field that is refused.

#include "proto/wire/messages.h"

#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/message_lite.h"
#include "gtest/gtest.h"
#include "proto/frame/spec_fields.h"
#include "tests/proto/wire/expect_invalid.h"

namespace graphfeed::wire {
namespace {

// With the entries of maps in their order.
std::string Bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  EXPECT_TRUE(message.SerializeToCodedStream(&out));
  out.Trim();
  return bytes;
}

// Our type -> message -> our type -> message: the two messages must be equal, and hold all.
template <typename T>
auto RoundTrip(const T& value) {
  const auto message = ToProto(value);
  auto back = FromProto(message);
  EXPECT_TRUE(back.ok()) << back.status();
  if (back.ok()) {
    EXPECT_EQ(Bytes(ToProto(*back)), Bytes(message));
  }
  return back;
}

ColumnSchema MakeColumn(const char* name, Level level, int type, DType dtype,
                        std::vector<int64_t> row_shape) {
  ColumnSchema column;
  column.name = name;
  column.level = level;
  column.type = type;
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  return column;
}

Schema HeterogeneousSchema() {
  Schema schema;
  schema.collection = true;
  schema.heterogeneous = true;
  schema.node_types = {"movie", "director"};
  schema.edge_types = {{.source = 0, .relation = "to", .target = 1},
                       {.source = 1, .relation = "to", .target = 0}};
  schema.columns = {
      MakeColumn("x", Level::kNode, 0, DType::kFloat32, {3}),
      MakeColumn("x", Level::kNode, 1, DType::kFloat16, {}),
      MakeColumn("edge_index", Level::kEdge, 0, DType::kInt64, {2}),
      MakeColumn("edge_index", Level::kEdge, 1, DType::kInt64, {2}),
      MakeColumn("y", Level::kGraph, 0, DType::kInt64, {19}),
      MakeColumn("title", Level::kGraph, 0, DType::kString, {}),
      MakeColumn("triples", Level::kGraph, 0, DType::kInt64, {2}),
  };
  for (int i : {2, 3}) {
    schema.columns[i].concat_last = true;
    schema.columns[i].index_types = {i - 2, 3 - i};
  }
  for (int i : {4, 5}) schema.columns[i].rows_per_graph = 1;
  schema.columns[6].rows_per_graph = ColumnSchema::kVarying;
  return schema;
}

TEST(SchemaMessageTest, RoundTrips) {
  const auto schema = RoundTrip(HeterogeneousSchema());
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(*schema, HeterogeneousSchema());
}

TEST(SchemaMessageTest, RefusesWhatTheTypesCannotExpress) {
  v1::Schema message = ToProto(HeterogeneousSchema());
  message.mutable_columns(1)->set_dtype(v1::DTYPE_UNSPECIFIED);
  ExpectInvalid(FromProto(message), "schema.columns[1].dtype: not set");
  message.mutable_columns(1)->set_dtype(static_cast<v1::DType>(77));
  ExpectInvalid(FromProto(message), "schema.columns[1].dtype: unknown value 77");
  message = ToProto(HeterogeneousSchema());
  message.mutable_columns(0)->set_level(v1::LEVEL_UNSPECIFIED);
  ExpectInvalid(FromProto(message), "schema.columns[0].level");
  message = ToProto(HeterogeneousSchema());
  message.mutable_columns(0)->set_type(0xffffffff);
  ExpectInvalid(FromProto(message), "schema.columns[0].type: 4294967295");
  message = ToProto(HeterogeneousSchema());
  message.mutable_edge_types(1)->set_target("actor");
  ExpectInvalid(FromProto(message), "schema.edge_types[1]: target \"actor\"");
}

TEST(DatasetInfoMessageTest, RoundTrips) {
  DatasetInfo info;
  info.name = "imdb";
  info.version = 3;
  info.fingerprint[0] = 0xab;
  info.fingerprint[15] = 1;
  info.schema = HeterogeneousSchema();
  info.columns = {{.num_rows = 10, .values = FloatRange{-1.5, 2.5}},
                  {.num_rows = 11, .values = {}},
                  {.num_rows = 12, .values = IntRange{0, 9}},
                  {.num_rows = 13, .values = IntRange{-3, 7}},
                  {.num_rows = 14, .values = IntRange{std::numeric_limits<int64_t>::min(), 0}},
                  {.num_rows = 15, .values = {}},
                  {.num_rows = 16, .values = {}, .row_sizes = SizeSummary{.mean = 2.5, .max = 9}}};
  info.num_graphs = 100;
  info.num_nodes = {1000, 2000};
  info.num_edges = {3000, 4000};
  info.node_sizes = {{.mean = 10,
                      .std = 0.5,
                      .min = 1,
                      .quantile25 = 2,
                      .median = 3.5,
                      .quantile75 = 4,
                      .max = 28},
                     {}};
  info.edge_sizes = {{}, {.max = 66}};
  info.total_node_sizes.mean = 30;
  info.total_edge_sizes.mean = 70;
  info.raw_bytes = 123456789;
  info.transforms = {"add_self_loops(fill_value=1)"};
  const auto back = RoundTrip(info);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(std::get<IntRange>(back->columns[4].values).min, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(std::get<FloatRange>(back->columns[0].values).max, 2.5);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(back->columns[1].values));
  EXPECT_EQ(back->node_sizes[0].quantile25, 2);
  EXPECT_FALSE(back->columns[5].row_sizes.has_value());
  EXPECT_EQ(back->columns[6].row_sizes.value().mean, 2.5);
  EXPECT_EQ(back->columns[6].row_sizes.value().max, 9);

  v1::DatasetInfo message = ToProto(info);
  message.mutable_fingerprint()->resize(15);
  ExpectInvalid(FromProto(message), "fingerprint: 15 bytes");
  message = ToProto(info);
  message.add_num_nodes(1);
  ExpectInvalid(FromProto(message), "num_nodes: 3 entries");
}

BatchSpec FullSpec() {
  BatchSpec spec;
  spec.strategy = Strategy::kStreamPack;
  spec.over_size = OverSize::kTrimNodesAndEdges;
  spec.options = FixedSizeOptions{.num_nodes = {{"movie", 100}, {"director", 30}},
                                  .num_edges = {{"movie|to|director", 300}},
                                  .num_graphs = 7,
                                  .node_pad_value = -1.5,
                                  .edge_pad_value = 2,
                                  .graph_pad_value = 3,
                                  .pad_graph_defaults = {{"scalar", 4}},
                                  .num_rows = {{"triples", 64}}};
  spec.batch_size = 7;
  spec.selection = {
      .kind = Selection::Kind::kIds, .ids = {5, 3, 3, 1000000, 0}, .batch_sizes = {2, 3}};
  spec.shuffle = true;
  spec.drop_last = true;
  spec.incomplete_step = IncompleteStep::kDrop;
  spec.micro_batches = 4;
  spec.masks = false;
  spec.exclude_keys = {"pos"};
  spec.follow_batch = {"x", "z"};
  spec.index_dtype = DType::kInt32;
  spec.narrow_columns = {"z"};
  spec.float16_columns = {"x"};
  spec.sample_limit = 50;
  spec.algorithm_version = 1;
  spec.algorithms = {{"negatives", 2}, {"shuffle", 1}};
  spec.ragged = true;
  return spec;
}

TEST(BatchSpecMessageTest, RoundTrips) {
  const auto spec = RoundTrip(FullSpec());
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->selection.ids, FullSpec().selection.ids);
  EXPECT_EQ(spec->selection.batch_sizes, FullSpec().selection.batch_sizes);
  EXPECT_EQ(spec->options->num_nodes, FullSpec().options->num_nodes);
  EXPECT_EQ(spec->options->pad_graph_defaults, FullSpec().options->pad_graph_defaults);
  EXPECT_EQ(spec->over_size, OverSize::kTrimNodesAndEdges);
  EXPECT_FALSE(spec->masks);
  EXPECT_EQ(spec->index_dtype, DType::kInt32);
  EXPECT_TRUE(spec->ragged);
  EXPECT_FALSE(spec->sampling.has_value());
}

bool Same(const Selection& a, const Selection& b) {
  return a.kind == b.kind && a.start == b.start && a.stop == b.stop && a.ids == b.ids &&
         a.batch_sizes == b.batch_sizes;
}

// Whether the values are the same in every field.
template <typename T>
bool Same(const T& a, const T& b) {
  if constexpr (HasFields<T>) {
    bool same = true;
    FieldsOf<T>::Visit(
        [&](const char* /*name*/, auto member) { same &= Same(a.*member, b.*member); });
    return same;
  } else {
    return a == b;
  }
}

template <typename T>
bool Same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || Same(*a, *b));
}

TEST(BatchSpecMessageTest, EveryFieldRoundTrips) {
  BatchSpec sent = FullSpec();
  sent.sampling.emplace().num_neighbors = {{"", {3, -1}}};
  const auto back = RoundTrip(sent);
  ASSERT_TRUE(back.ok()) << back.status();
  FieldsOf<BatchSpec>::Visit([&](const char* name, auto member) {
    EXPECT_FALSE(Same(sent.*member, BatchSpec().*member)) << name << " was sent as its default";
    EXPECT_TRUE(Same(sent.*member, *back.*member)) << name;
  });
  FieldsOf<FixedSizeOptions>::Visit([&](const char* name, auto member) {
    EXPECT_FALSE(Same((*sent.options).*member, FixedSizeOptions().*member)) << name;
    EXPECT_TRUE(Same((*sent.options).*member, (*back->options).*member)) << name;
  });
}

TEST(BatchSpecMessageTest, DefaultsAreThoseOfTheComments) {
  v1::BatchSpec message;
  message.set_strategy(v1::PAD_TO_MAX);
  const auto spec = FromProto(message);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->micro_batches, 1);
  EXPECT_EQ(spec->index_dtype, DType::kInt64);
  EXPECT_TRUE(spec->masks);
  EXPECT_FALSE(spec->options.has_value());
  EXPECT_EQ(spec->selection.kind, Selection::Kind::kAll);
}

TEST(BatchSpecMessageTest, RefusalsNameTheField) {
  ExpectInvalid(FromProto(v1::BatchSpec()), "strategy: not set");
  auto with = [](auto change) {
    v1::BatchSpec message = ToProto(FullSpec());
    change(message);
    return FromProto(message);
  };
  ExpectInvalid(with([](auto& m) { m.set_strategy(static_cast<v1::Strategy>(9)); }),
                "strategy: unknown value 9");
  ExpectInvalid(with([](auto& m) { m.set_over_size(static_cast<v1::OverSize>(9)); }), "over_size");
  ExpectInvalid(with([](auto& m) { m.set_incomplete_step(static_cast<v1::IncompleteStep>(-2)); }),
                "incomplete_step: unknown value -2");
  ExpectInvalid(with([](auto& m) { m.set_index_dtype(v1::FLOAT32); }), "index_dtype: FLOAT32");
  ExpectInvalid(
      with([](auto& m) { *m.mutable_options()->add_num_nodes() = m.options().num_nodes(0); }),
      "options.num_nodes: type \"director\" given twice");
  ExpectInvalid(with([](auto& m) { m.mutable_selection()->set_ids("\x80"); }),
                "selection.ids: the code ends inside id 0");
  ExpectInvalid(with([](auto& m) { m.mutable_selection()->mutable_range()->set_start(-1); }),
                "selection.range");
  ExpectInvalid(with([](auto& m) { m.mutable_selection()->mutable_range()->set_start(5); }),
                "selection.range: [5, 0)");
}

TEST(IdsTest, RoundTripAnyIds) {
  std::mt19937_64 random(1);
  for (int n : {0, 1, 2, 1000}) {
    std::vector<int64_t> ids;
    for (int i = 0; i < n; ++i)
      ids.push_back(static_cast<int64_t>(random() >> (random() % 63 + 1)));
    const auto back = DecodeIds(EncodeIds(ids), "ids");
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, ids);
  }
}

TEST(IdsTest, AConsecutiveIdTakesOneByte) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 1000; ++i) ids.push_back(i);
  EXPECT_EQ(EncodeIds(ids).size(), 1000u);
}

TEST(IdsTest, RefusesTruncationAndOverflow) {
  const std::string code = EncodeIds({1 << 20, 5});
  for (size_t size = 0; size < code.size(); ++size) {
    const auto ids = DecodeIds(code.substr(0, size), "ids");
    EXPECT_EQ(ids.ok(), size == 0 || size == 4) << size;
  }
  ExpectInvalid(DecodeIds(std::string(10, '\xff') + "\x01", "ids"), "ids: id 0 exceeds 64 bits");
  ExpectInvalid(DecodeIds(std::string(9, '\xff') + "\x02", "ids"), "ids: id 0 exceeds 64 bits");
  // Largest id, then one more.
  const std::string largest = EncodeIds({std::numeric_limits<int64_t>::max()});
  ASSERT_TRUE(DecodeIds(largest, "ids").ok());
  ExpectInvalid(DecodeIds(largest + "\x02", "ids"), "ids: id 1 exceeds 64 bits");
}

TensorSpec MakeTensor(const char* name, DType dtype, Axis axis, std::vector<int64_t> row_shape) {
  TensorSpec tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.axis = axis;
  tensor.row_shape = std::move(row_shape);
  return tensor;
}

Layout SomeLayout() {
  Layout layout;
  layout.node_types = {"node"};
  layout.edge_types = {"node|to|node"};
  layout.micro_batches = 2;
  layout.tensors = {
      MakeTensor("x", DType::kFloat32, Axis::kNodes, {3}),
      MakeTensor("edge_index", DType::kInt32, Axis::kEdges, {2}),
      MakeTensor("y", DType::kInt64, Axis::kGraphs, {1}),
      MakeTensor("ptr", DType::kInt32, Axis::kPtr, {}),
  };
  layout.tensors[1].concat_last = true;
  layout.tensors.push_back(MakeTensor("input_id", DType::kInt64, Axis::kSeeds, {}));
  layout.tensors.push_back(MakeTensor("edge_label", DType::kInt64, Axis::kLabels, {}));
  layout.tensors.push_back(MakeTensor("triples", DType::kInt64, Axis::kRows, {2}));
  layout.tensors.back().type = 1;
  layout.row_columns = {"angles", "triples"};
  layout.padded = {
      .graphs = 4, .nodes = {10}, .edges = {20}, .seeds = 3, .labels = 6, .rows = {0, 5}};
  absl::StatusOr<Placement> placement = Place(layout, layout.padded, 1 << 20);
  EXPECT_TRUE(placement.ok()) << placement.status();
  layout.places = placement->places;
  layout.slab_bytes = placement->slab_bytes;
  return layout;
}

TEST(LayoutMessageTest, RoundTripsFixedAndRagged) {
  const auto layout = RoundTrip(SomeLayout());
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->tensors, SomeLayout().tensors);
  EXPECT_EQ(layout->edge_types, SomeLayout().edge_types);
  EXPECT_EQ(layout->padded, SomeLayout().padded);
  EXPECT_EQ(layout->places[4].shape, std::vector<int64_t>{2 * 3});
  EXPECT_EQ(layout->places[5].shape, std::vector<int64_t>{2 * 6});
  EXPECT_EQ(layout->places[6].shape, (std::vector<int64_t>{2 * 5, 2}));
  EXPECT_EQ(layout->row_columns, SomeLayout().row_columns);
  EXPECT_EQ(LayoutDigest(*layout), LayoutDigest(SomeLayout()));

  Layout ragged = SomeLayout();
  ragged.ragged = true;
  ragged.micro_batches = 1;
  ragged.places.clear();
  ragged.slab_bytes = 0;
  ragged.padded = {};
  const auto back = RoundTrip(ragged);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->places.empty());
  EXPECT_EQ(back->slab_bytes, 0);
}

TEST(LayoutMessageTest, PlacesThatDoNotFollowFromTheCountsAreRefused) {
  auto with = [](auto change) {
    v1::Layout message = ToProto(SomeLayout());
    change(message);
    return FromProto(message);
  };
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(1)->set_offset(64); }), "layout.tensors[1]");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(1)->set_size_bytes(1 << 30); }),
                "layout.tensors[1]");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_shape(0, 21); }), "layout.tensors[0]");
  ExpectInvalid(with([](auto& m) { m.set_slab_bytes(m.slab_bytes() - 64); }), "layout.slab_bytes");
  ExpectInvalid(with([](auto& m) { m.set_slab_bytes(m.slab_bytes() + 64); }), "layout.slab_bytes");
  ExpectInvalid(with([](auto& m) { m.set_slab_bytes(-1); }), "layout.slab_bytes: -1");
  ExpectInvalid(with([](auto& m) { m.mutable_padded()->set_nodes(0, int64_t{1} << 60); }),
                "layout.slab_bytes");
  ExpectInvalid(with([](auto& m) { m.mutable_padded()->add_nodes(1); }), "layout.padded");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_type(1); }),
                "layout.tensors[0].type: 1");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_axis(v1::AXIS_UNSPECIFIED); }),
                "layout.tensors[0].axis");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_dtype(v1::STRING); }),
                "layout.tensors[0].dtype");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_axis_scale(-1); }),
                "layout.tensors[0].axis_scale");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_row_shape(0, -3); }),
                "layout.tensors[0].row_shape");
  ExpectInvalid(with([](auto& m) { m.set_micro_batches(0); }), "layout.micro_batches");
  ExpectInvalid(with([](auto& m) { m.mutable_tensors(0)->set_name("z"); }), "layout.digest");
}

TEST(StreamHeaderMessageTest, RoundTrips) {
  StreamInfo info;
  info.dataset = "mutag@3";
  info.fingerprint[3] = 7;
  info.layout = SomeLayout();
  info.resolved_spec = FullSpec();
  info.spec_digest[1] = 9;
  info.seed = ~uint64_t{0};
  info.prefetch = 4;
  const auto back = RoundTrip(info);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->seed, ~uint64_t{0});
  EXPECT_EQ(back->dataset, "mutag@3");
  EXPECT_EQ(back->spec_digest, info.spec_digest);
}

TEST(PlanSummaryMessageTest, RoundTripsAndRefusesNegativeCounts) {
  PlanSummary plan{.num_batches = 18,
                   .num_frames = 9,
                   .shard_frames = 5,
                   .num_graphs = 150,
                   .skipped_graphs = 1,
                   .real = {.graphs = 150, .nodes = {2700}, .edges = {5950}},
                   .node_efficiency = 0.8423,
                   .edge_efficiency = 0.8,
                   .lower_bound_batches = 17};
  ASSERT_TRUE(RoundTrip(plan).ok());
  v1::PlanSummary message = ToProto(plan);
  message.set_num_frames(-1);
  ExpectInvalid(FromProto(message), "plan: 18 batches, -1 frames");
}

TEST(IngestMessageTest, BeginRoundTrips) {
  IngestSpec spec;
  spec.name = "imdb";
  spec.collection = false;
  spec.heterogeneous = true;
  spec.node_types = {"movie", "actor"};
  spec.edge_types = {{.source = 1, .relation = "in", .target = 0}};
  spec.kinds = {{"w", Level::kEdge}};
  spec.transforms = {NormalizeFeatures{.columns = {"x", "z"}}, AddSelfLoops{.fill_value = 2.5},
                     ToUndirected{}, RemoveIsolatedNodes{},
                     InducedSubgraph{{{"movie", {.leading = 1000, .ids = {}}},
                                      {"actor", {.leading = std::nullopt, .ids = {3, 1, 2}}}}}};
  spec.num_nodes = {10, 20};
  spec.num_edges = {30};
  const auto back = RoundTrip(spec);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->edge_types, spec.edge_types);
  ASSERT_EQ(back->transforms.size(), 5u);
  const auto& subgraph = std::get<InducedSubgraph>(back->transforms[4]);
  ASSERT_EQ(subgraph.nodes.size(), 2u);
  EXPECT_EQ(subgraph.nodes.at("movie").leading, 1000);
  EXPECT_FALSE(subgraph.nodes.at("actor").leading.has_value());
  EXPECT_EQ(subgraph.nodes.at("actor").ids, (std::vector<int64_t>{3, 1, 2}));
  EXPECT_EQ(std::get<AddSelfLoops>(back->transforms[1]).fill_value, 2.5);
  EXPECT_TRUE(std::holds_alternative<RemoveIsolatedNodes>(back->transforms[3]));

  v1::IngestBegin message = ToProto(spec);
  message.mutable_transforms(2)->Clear();
  ExpectInvalid(FromProto(message), "transforms[2]");
  const auto with_nodes = [&](auto change) {
    v1::IngestBegin changed = ToProto(spec);
    change(changed.mutable_transforms(4)->mutable_subgraph());
    return FromProto(changed);
  };
  ExpectInvalid(with_nodes([](auto* s) { *s->add_nodes() = s->nodes(0); }),
                "transforms[4].subgraph.nodes: type \"actor\" given twice");
  ExpectInvalid(with_nodes([](auto* s) { s->mutable_nodes(0)->set_ids("\x80"); }),
                "transforms[4].subgraph.nodes.ids: the code ends");
  ExpectInvalid(with_nodes([](auto* s) { s->mutable_nodes(0)->set_leading(-1); }),
                "transforms[4].subgraph.nodes.leading: -1");
  ExpectInvalid(with_nodes([](auto* s) { s->mutable_nodes(0)->clear_subset(); }),
                "transforms[4].subgraph.nodes: neither leading nor ids of type \"actor\"");
  message = ToProto(spec);
  (*message.mutable_kinds())["w"] = static_cast<v1::Level>(8);
  ExpectInvalid(FromProto(message), "kinds[\"w\"]: unknown value 8");
}

TEST(IngestMessageTest, ASubgraphWithoutNodesStaysOne) {
  IngestSpec spec;
  spec.transforms = {InducedSubgraph{}};
  const auto back = RoundTrip(spec);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(std::holds_alternative<InducedSubgraph>(back->transforms[0]));
}

TEST(IngestMessageTest, UnsetTransformFieldsMeanTheDefaults) {
  v1::IngestBegin message;
  message.add_transforms()->mutable_normalize_features();
  message.add_transforms()->mutable_add_self_loops();
  const auto spec = FromProto(message);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(std::get<NormalizeFeatures>(spec->transforms[0]).columns,
            std::vector<std::string>{"x"});
  EXPECT_EQ(std::get<AddSelfLoops>(spec->transforms[1]).fill_value, 1);
}

TEST(IngestMessageTest, BlocksRoundTrip) {
  GraphBlock block;
  block.num_graphs = 2;
  block.num_nodes = {{3, 4}};
  block.num_edges = {{5, 0}};
  block.columns.resize(2);
  block.columns[0].name = "x";
  block.columns[0].level = Level::kNode;
  block.columns[0].dtype = DType::kInt8;
  block.columns[0].row_shape = {2};
  block.columns[0].sizes = {3, 4};
  block.columns[0].rows = std::string("\0\1\2\3\4\5\6\7abcdef", 14);
  block.columns[1].name = "name";
  block.columns[1].dtype = DType::kString;
  block.columns[1].strings = {"a", ""};
  const v1::IngestBlock message = ToProto(block);
  const auto back = FromProto(v1::IngestBlock(message));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->columns[0].rows, block.columns[0].rows);
  EXPECT_EQ(back->columns[0].level, Level::kNode);
  EXPECT_FALSE(back->columns[1].level.has_value());
  EXPECT_EQ(Bytes(ToProto(*back)), Bytes(message));

  v1::IngestBlock wrong = message;
  wrong.mutable_num_edges(0)->add_sizes(1);
  ExpectInvalid(FromProto(wrong), "block.num_edges[0]: 3 sizes; num_graphs is 2");
  wrong = message;
  wrong.set_num_graphs(-1);
  ExpectInvalid(FromProto(wrong), "block.num_graphs: -1");
  wrong = message;
  wrong.mutable_columns(1)->set_dtype(v1::DTYPE_UNSPECIFIED);
  ExpectInvalid(FromProto(wrong), "block.columns[1].dtype: not set");
}

}  // namespace
}  // namespace graphfeed::wire
