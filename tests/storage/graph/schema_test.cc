#include "storage/graph/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "storage/graph/graph_block.h"
#include "tests/support/memory_features.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

Schema Typed() {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"movie", "director"};
  schema.edge_types = {{0, "to", 1}, {1, "to", 0}};
  schema.columns = {NodeColumn("x", DType::kFloat32, {8}, 0),
                    NodeColumn("x", DType::kFloat16, {4, 2}, 1),
                    EdgeIndexColumn(schema, 0),
                    EdgeIndexColumn(schema, 1, DType::kInt32),
                    GraphColumn("y", DType::kInt64, {}, 3),
                    GraphColumn("name", DType::kString)};
  return schema;
}

Schema Molecules() {
  Schema schema = Schema::Homogeneous(true);
  ColumnSchema scalar = GraphColumn("scalar", DType::kFloat64);
  scalar.zero_dim = true;
  ColumnSchema number = GraphColumn("number", DType::kInt64);
  number.non_tensor = true;
  ColumnSchema root = NodeColumn("root_index", DType::kInt64, {3});
  root.index_types = {0};
  schema.columns = {NodeColumn("x", DType::kFloat32, {11}),
                    EdgeIndexColumn(schema),
                    EdgeColumn("edge_attr", DType::kFloat32, {0}),
                    scalar,
                    number,
                    root};
  return schema;
}

TEST(SchemaTest, FindsColumnsAndTypesByName) {
  const Schema schema = Typed();
  EXPECT_EQ(schema.FindColumn(Level::kNode, 1, "x"), 1);
  EXPECT_EQ(schema.FindColumn(Level::kNode, 0, "x"), 0);
  EXPECT_EQ(schema.FindColumn(Level::kGraph, 0, "x"), -1);
  EXPECT_EQ(schema.FindNodeType("director"), 1);
  EXPECT_EQ(schema.FindNodeType("actor"), -1);
  EXPECT_EQ(schema.EdgeTypeName(1), "director|to|movie");
  EXPECT_EQ(schema.FindEdgeType("director|to|movie"), 1);
  EXPECT_EQ(schema.FindEdgeType("movie|to|movie"), -1);
}

TEST(SchemaTest, StoresAreWhereUsersLook) {
  EXPECT_EQ(Typed().StoreName(Level::kGraph, 0), "");
  EXPECT_EQ(Typed().StoreName(Level::kNode, 1), "director");
  EXPECT_EQ(Typed().StoreName(Level::kEdge, 0), "movie|to|director");
  EXPECT_EQ(Molecules().StoreName(Level::kNode, 0), "");
  EXPECT_EQ(Molecules().StoreName(Level::kEdge, 0), "");
}

TEST(SchemaTest, RowsCountTheirBytes) {
  EXPECT_EQ(NodeColumn("x", DType::kFloat32, {4, 3}).row_elements(), 12);
  EXPECT_EQ(NodeColumn("x", DType::kFloat32, {4, 3}).row_bytes(), 48);
  EXPECT_EQ(NodeColumn("x", DType::kFloat32).row_elements(), 1);
  EXPECT_EQ(NodeColumn("x", DType::kFloat32, {4, 0}).row_bytes(), 0);
  EXPECT_EQ(GraphColumn("name", DType::kString).row_bytes(), 0);
}

TEST(ValidateSchemaTest, AcceptsWhatDatasetsHave) {
  EXPECT_TRUE(ValidateSchema(Typed()).ok()) << ValidateSchema(Typed());
  EXPECT_TRUE(ValidateSchema(Molecules()).ok()) << ValidateSchema(Molecules());
  EXPECT_TRUE(ValidateSchema(Schema::Homogeneous(false)).ok());
}

struct Refusal {
  const char* message;
  std::function<void(Schema&)> change;
};

TEST(ValidateSchemaTest, RefusesNamingTheColumnAndTheRule) {
  const Refusal refusals[] = {
      {"node_types is empty", [](auto& s) { s.node_types.clear(); }},
      {"node type \"movie\" is declared twice", [](auto& s) { s.node_types[1] = "movie"; }},
      {"has a control character or '|'", [](auto& s) { s.node_types[0] = "a|b"; }},
      {"edge type: the name is empty", [](auto& s) { s.edge_types[0].relation = ""; }},
      {"goes from node type 0 to 7", [](auto& s) { s.edge_types[0].target = 7; }},
      {"goes from node type -1 to 1", [](auto& s) { s.edge_types[0].source = -1; }},
      {"is declared twice", [](auto& s) { s.edge_types[1] = s.edge_types[0]; }},
      {"a homogeneous schema has the one node type", [](auto& s) { s.heterogeneous = false; }},
      {"column \"x\" is declared twice", [](auto& s) { s.columns.push_back(s.columns[0]); }},
      {"column \"batch\": batches use this name", [](auto& s) { s.columns[0].name = "batch"; }},
      {"the name is empty", [](auto& s) { s.columns[0].name = ""; }},
      {"the name has 300 bytes; the limit is 256",
       [](auto& s) { s.columns[0].name = std::string(300, 'x'); }},
      {"column \"x\": type 2 of 2 at node level", [](auto& s) { s.columns[0].type = 2; }},
      {"column \"y\": type 1 of 1 at graph level", [](auto& s) { s.columns[4].type = 1; }},
      {"level 9 does not exist", [](auto& s) { s.columns[0].level = static_cast<Level>(9); }},
      {"dtype 77 does not exist", [](auto& s) { s.columns[0].dtype = static_cast<DType>(77); }},
      {"row_shape holds -1", [](auto& s) { s.columns[0].row_shape = {-1}; }},
      {"a row has more than",
       [](auto& s) {
         s.columns[0].row_shape = {1 << 20, 1 << 20};
       }},
      {"a row has more than",
       [](auto& s) {
         s.columns[0].row_shape = {int64_t{1} << 62, 4, int64_t{1} << 62};
       }},
      {"rows have 17 dimensions",
       [](auto& s) { s.columns[0].row_shape = std::vector<int64_t>(17, 1); }},
      {"concat_last needs rows",
       [](auto& s) {
         s.columns[0].row_shape.clear();
         s.columns[0].concat_last = true;
       }},
      {"string rows are single strings", [](auto& s) { s.columns[5].row_shape = {2}; }},
      {"rows_per_graph, zero_dim and non_tensor are for graph-level",
       [](auto& s) { s.columns[0].zero_dim = true; }},
      {"rows_per_graph, zero_dim and non_tensor are for graph-level",
       [](auto& s) { s.columns[0].rows_per_graph = 1; }},
      {"column \"y\": rows_per_graph is -2", [](auto& s) { s.columns[4].rows_per_graph = -2; }},
      {"column \"y\": the number of its rows varies, but there is one graph only",
       [](auto& s) {
         s.columns[4].rows_per_graph = ColumnSchema::kVarying;
         s.collection = false;
       }},
      {"column \"y\": a 0-dim or non-tensor column has one value",
       [](auto& s) { s.columns[4].zero_dim = true; }},
      {"edge_index has edge level and shape [2, num_edges]",
       [](auto& s) { s.columns[2].row_shape = {3}; }},
      {"edge_index has edge level and shape [2, num_edges]",
       [](auto& s) { s.columns[2].concat_last = false; }},
      {"points into its edge type's source and target",
       [](auto& s) {
         s.columns[2].index_types = {1, 0};
       }},
      {"column \"y\": a column of node indices is int32 or int64, not uint8",
       [](auto& s) {
         s.columns[4].dtype = DType::kUint8;
         s.columns[4].index_types = {0};
       }},
      {"column \"y\": 2 index_types for rows of 1 elements",
       [](auto& s) {
         s.columns[4].index_types = {0, 0};
       }},
      {"column \"y\": index_types holds 5", [](auto& s) { s.columns[4].index_types = {5}; }},
  };
  for (const Refusal& refusal : refusals) {
    Schema schema = Typed();
    refusal.change(schema);
    const absl::Status status = ValidateSchema(schema);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(refusal.message));
  }
}

TEST(ValidateSchemaTest, HomogeneousColumnsShareOneStore) {
  Schema schema = Molecules();
  schema.columns.push_back(EdgeColumn("x", DType::kFloat32));
  EXPECT_THAT(std::string(ValidateSchema(schema).message()),
              HasSubstr("column \"x\" is declared twice"));
}

TEST(SchemaCodecTest, EncodingsDecodeToTheSameSchema) {
  for (const Schema& schema : {Typed(), Molecules(), Schema::Homogeneous(false)}) {
    const auto decoded = DecodeSchema(EncodeSchema(schema));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, schema);
  }
}

TEST(SchemaCodecTest, DifferentSchemasHaveDifferentEncodings) {
  const std::function<void(Schema&)> changes[] = {
      [](auto& s) { s.collection = false; },
      [](auto& s) { s.node_types[0] = "film"; },
      [](auto& s) { std::swap(s.edge_types[0], s.edge_types[1]); },
      [](auto& s) { std::swap(s.columns[0], s.columns[1]); },
      [](auto& s) { s.columns[0].name = "z"; },
      [](auto& s) { s.columns[0].dtype = DType::kFloat64; },
      [](auto& s) {
        s.columns[0].row_shape = {8, 1};
      },
      [](auto& s) { s.columns[1].concat_last = true; },
      [](auto& s) { s.columns[4].rows_per_graph = 2; },
      [](auto& s) { s.columns[4].rows_per_graph = ColumnSchema::kVarying; },
      [](auto& s) { s.columns[4].index_types = {1}; },
  };
  for (const auto& change : changes) {
    Schema schema = Typed();
    change(schema);
    EXPECT_NE(EncodeSchema(schema), EncodeSchema(Typed()));
  }
}

TEST(SchemaCodecTest, DamagedBytesAreDataLoss) {
  const std::string bytes = EncodeSchema(Typed());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeSchema(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(DecodeSchema(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
  // Whatever a flipped byte leaves decodable encodes to those very bytes.
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const char mask : {'\x01', '\x80', '\xff'}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ mask);
      const auto decoded = DecodeSchema(flipped);
      if (decoded.ok()) {
        EXPECT_EQ(EncodeSchema(*decoded), flipped);
      }
    }
  }
}

TEST(SchemaCodecTest, AHugeListLengthIsRefusedWithoutAllocatingIt) {
  std::string bytes = EncodeSchema(Schema::Homogeneous(true));
  bytes.replace(3, 4, "\xff\xff\xff\xff");  // the number of node types
  EXPECT_EQ(DecodeSchema(bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST(TransformNameTest, NamesCarryTheirParameters) {
  EXPECT_EQ(TransformName(NormalizeFeatures{}), "normalize_features(columns=x)");
  EXPECT_EQ(TransformName(NormalizeFeatures{{"x", "pos"}}), "normalize_features(columns=x,pos)");
  EXPECT_EQ(TransformName(AddSelfLoops{}), "add_self_loops(fill_value=1)");
  EXPECT_EQ(TransformName(AddSelfLoops{0.1}), "add_self_loops(fill_value=0.1)");
  EXPECT_EQ(TransformName(ToUndirected{}), "to_undirected()");
  EXPECT_EQ(TransformName(RemoveIsolatedNodes{}), "remove_isolated_nodes()");
}

}  // namespace
}  // namespace graphfeed
