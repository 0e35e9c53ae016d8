// Datasets of any schema, moved to another catalog through the bytes of an Ingest's messages.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/ingest_sequence.h"
#include "proto/wire/messages.h"
#include "storage/catalog.h"
#include "storage/version_source.h"
#include "tests/storage/graph_blocks.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

struct RandomDataset {
  IngestSpec spec;
  std::vector<GraphBlock> blocks;
};

// A collection or a single graph, homogeneous or not, with columns of any dtype, level and shape:
// rows without values, columns without rows, strings everywhere, types that nothing has.
class Generator {
 public:
  explicit Generator(uint64_t seed) : rng_(seed) {}

  RandomDataset Make() {
    IngestSpec& spec = made_.spec;
    spec.name = "d";
    spec.collection = Chance(2);
    spec.heterogeneous = Chance(2);
    ChooseTypes();
    const int64_t num_graphs = spec.collection ? 1 + Below(8) : 1;
    for (int64_t g = 0; g < num_graphs; ++g) ChooseSizes();
    ChooseColumns();
    spec.collection ? AddGraphs() : AddRows();
    return std::move(made_);
  }

 private:
  struct Kind {
    ColumnBlock column;  // without rows
    Level level;
    int64_t rows_per_graph = 0;
    int64_t limit_of_ends[2] = {0, 0};
  };
  struct Sizes {
    std::vector<int64_t> nodes;
    std::vector<int64_t> edges;
  };

  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(rng_() % static_cast<uint64_t>(limit));
  }
  bool Chance(int64_t one_in) { return Below(one_in) == 0; }

  void ChooseTypes() {
    if (!made_.spec.heterogeneous) {
      edge_types_ = {{0, "to", 0}};
      num_node_types_ = 1;
      return;
    }
    num_node_types_ = 1 + Below(3);
    for (int64_t t = 0; t < num_node_types_; ++t) {
      made_.spec.node_types.push_back(absl::StrCat("t", t));
    }
    const int64_t num_edge_types = Below(4);
    for (int64_t e = 0; e < num_edge_types; ++e) {
      edge_types_.push_back({static_cast<int>(Below(num_node_types_)), absl::StrCat("r", e),
                             static_cast<int>(Below(num_node_types_))});
    }
    made_.spec.edge_types = edge_types_;
  }

  void ChooseSizes() {
    Sizes sizes;
    for (int64_t t = 0; t < num_node_types_; ++t) sizes.nodes.push_back(Chance(4) ? 0 : Below(7));
    for (const EdgeType& type : edge_types_) {
      const bool possible = sizes.nodes[type.source] > 0 && sizes.nodes[type.target] > 0;
      sizes.edges.push_back(possible && !Chance(4) ? Below(9) : 0);
    }
    sizes_.push_back(std::move(sizes));
  }

  void ChooseColumns() {
    for (size_t e = 0; e < edge_types_.size(); ++e) {
      Kind kind{.column = EdgeIndex({}, {}), .level = Level::kEdge};
      kind.column.type = static_cast<int>(e);
      if (Chance(2)) kind.column.dtype = DType::kInt32;
      kinds_.push_back(std::move(kind));
    }
    const int64_t more = Below(7);
    for (int64_t c = 0; c < more; ++c) {
      Kind kind;
      kind.level = static_cast<Level>(1 + Below(3));
      if (kind.level == Level::kEdge && edge_types_.empty()) kind.level = Level::kNode;
      ColumnBlock& column = kind.column;
      column.name = absl::StrCat("c", c);
      if (kind.level == Level::kNode) column.type = static_cast<int>(Below(num_node_types_));
      if (kind.level == Level::kEdge) {
        column.type = static_cast<int>(Below(static_cast<int64_t>(edge_types_.size())));
      }
      column.dtype = kDTypes[Below(std::size(kDTypes))];
      if (column.dtype != DType::kString) {
        column.row_shape = kShapes[Below(std::size(kShapes))];
        column.concat_last = !column.row_shape.empty() && Chance(3);
      }
      if (kind.level == Level::kGraph) {
        const bool varies = made_.spec.collection && column.dtype != DType::kString && Chance(2);
        kind.rows_per_graph = varies ? ColumnSchema::kVarying : Below(4);
        if (kind.rows_per_graph == 1 && column.row_shape.empty()) {
          column.zero_dim = Chance(3);
          column.non_tensor = !column.zero_dim && Chance(3);
        }
      }
      kinds_.push_back(std::move(kind));
    }
    std::shuffle(kinds_.begin(), kinds_.end(), rng_);
    for (Kind& kind : kinds_) {
      if (made_.spec.heterogeneous) {
        kind.column.level = kind.level;
      } else {
        made_.spec.kinds[kind.column.name] = kind.level;
      }
    }
  }

  int64_t NumRows(const Kind& kind, const Sizes& sizes) {
    switch (kind.level) {
      case Level::kNode:
        return sizes.nodes[static_cast<size_t>(kind.column.type)];
      case Level::kEdge:
        return sizes.edges[static_cast<size_t>(kind.column.type)];
      case Level::kGraph:
        break;
    }
    return kind.rows_per_graph == ColumnSchema::kVarying ? Below(5) : kind.rows_per_graph;
  }

  template <typename T>
  std::string Ends(int type, int64_t rows, const Sizes& sizes) {
    std::vector<T> ends;
    for (int64_t i = 0; i < rows; ++i) {
      ends.push_back(static_cast<T>(Below(sizes.nodes[edge_types_[type].source])));
      ends.push_back(static_cast<T>(Below(sizes.nodes[edge_types_[type].target])));
    }
    return Bytes(ends);
  }

  void Fill(ColumnBlock& column, int64_t rows, const Sizes& sizes) {
    if (column.name == "edge_index") {
      column.rows = column.dtype == DType::kInt32 ? Ends<int32_t>(column.type, rows, sizes)
                                                  : Ends<int64_t>(column.type, rows, sizes);
      return;
    }
    if (column.dtype == DType::kString) {
      for (int64_t i = 0; i < rows; ++i) {
        column.strings.emplace_back(static_cast<size_t>(Chance(3) ? 0 : Below(40)), 's');
      }
      return;
    }
    int64_t bytes = rows * static_cast<int64_t>(SizeOf(column.dtype));
    for (const int64_t extent : column.row_shape) bytes *= extent;
    for (int64_t i = 0; i < bytes; ++i) {
      const auto byte = static_cast<char>(rng_());
      column.rows += column.dtype == DType::kBool ? static_cast<char>(byte & 1) : byte;
    }
  }

  void AddGraphs() {
    for (const Sizes& sizes : sizes_) {
      GraphBlock block;
      block.num_graphs = 1;
      for (const int64_t nodes : sizes.nodes) block.num_nodes.push_back({nodes});
      for (const int64_t edges : sizes.edges) block.num_edges.push_back({edges});
      for (const Kind& kind : kinds_) {
        ColumnBlock& column = block.columns.emplace_back(kind.column);
        column.sizes = {NumRows(kind, sizes)};
        Fill(column, column.sizes[0], sizes);
      }
      made_.blocks.push_back(std::move(block));
    }
  }

  // Each column in two pieces.
  void AddRows() {
    const Sizes& sizes = sizes_[0];
    made_.spec.num_nodes = sizes.nodes;
    made_.spec.num_edges = sizes.edges;
    for (const Kind& kind : kinds_) {
      const int64_t rows = NumRows(kind, sizes);
      const int64_t first = Below(rows + 1);
      for (const int64_t count : {first, rows - first}) {
        GraphBlock block;
        ColumnBlock& column = block.columns.emplace_back(kind.column);
        column.sizes = {count};
        Fill(column, count, sizes);
        made_.blocks.push_back(std::move(block));
      }
    }
  }

  static constexpr DType kDTypes[] = {DType::kFloat16, DType::kFloat32, DType::kFloat64,
                                      DType::kInt8,    DType::kInt16,   DType::kInt32,
                                      DType::kInt64,   DType::kUint8,   DType::kBool,
                                      DType::kString,  DType::kString};
  static inline const std::vector<int64_t> kShapes[] = {{}, {}, {0}, {1}, {3}, {2, 3}, {2, 0, 3}};

  std::mt19937_64 rng_;
  RandomDataset made_;
  int64_t num_node_types_ = 0;
  std::vector<EdgeType> edge_types_;
  std::vector<Sizes> sizes_;  // by graph
  std::vector<Kind> kinds_;
};

std::unique_ptr<Catalog> NewCatalog(int64_t chunk_bytes) {
  CatalogOptions options;
  options.chunk_bytes = chunk_bytes;
  auto catalog =
      Catalog::Open(std::make_unique<MemoryChunkStore>(std::make_shared<MemoryDisk>()), options);
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *std::move(catalog);
}

absl::StatusOr<std::vector<std::string>> Encode(std::unique_ptr<GraphSource> source) {
  wire::IngestSequence sequence(std::move(source));
  std::vector<std::string> messages;
  for (;;) {
    auto message = sequence.Next();
    if (!message.ok()) return message.status();
    if (!message->has_value()) return messages;
    messages.push_back((*message)->SerializeAsString());
  }
}

absl::StatusOr<DatasetInfo> Decode(const std::vector<std::string>& messages, Catalog& catalog) {
  size_t next = 0;
  auto source = wire::ReadIngestSequence("the copy",
                                         [&]() -> absl::StatusOr<std::optional<v1::IngestRequest>> {
                                           if (next == messages.size())
                                             return std::optional<v1::IngestRequest>();
                                           v1::IngestRequest message;
                                           EXPECT_TRUE(message.ParseFromString(messages[next++]));
                                           return std::optional(std::move(message));
                                         });
  if (!source.ok()) return source.status();
  std::vector<GraphBlock> blocks;
  for (;;) {
    auto block = (*source)->Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) break;
    blocks.push_back(**std::move(block));
  }
  EXPECT_EQ((*source)->done(), (*source)->total());
  return Ingest(catalog, (*source)->spec(), std::move(blocks));
}

// All that is known of a version.
std::string Describe(const DatasetInfo& info) { return wire::ToProto(info).ShortDebugString(); }

TEST(CopyPropertyTest, AVersionOfAnySchemaIsTheSameElsewhere) {
  int transformed = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const auto catalog = NewCatalog(/*chunk_bytes=*/64);
    RandomDataset random = Generator(seed).Make();
    if (seed % 3 == 0) random.spec.transforms = {AddSelfLoops{}, RemoveIsolatedNodes{}};
    auto original = Ingest(*catalog, random.spec, random.blocks);
    if (!original.ok() && seed % 3 == 0) {  // not of every schema
      random.spec.transforms.clear();
      original = Ingest(*catalog, random.spec, random.blocks);
    }
    ASSERT_TRUE(original.ok()) << original.status();
    transformed += original->transforms.empty() ? 0 : 1;
    for (const int64_t block_bytes : {int64_t{1}, int64_t{200}, kDefaultBlockBytes}) {
      const auto messages = Encode(ReadVersion(*catalog->OpenDataset("d"), block_bytes));
      ASSERT_TRUE(messages.ok()) << messages.status();
      const auto other = NewCatalog(/*chunk_bytes=*/1000);
      const auto copy = Decode(*messages, *other);
      ASSERT_TRUE(copy.ok()) << copy.status();
      ASSERT_EQ(Describe(*copy), Describe(*original));
      const absl::Status status = (*other->OpenDataset("d"))->Verify();
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  EXPECT_GT(transformed, 40);
}

}  // namespace
}  // namespace graphfeed
