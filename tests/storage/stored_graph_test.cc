// A single graph that was ingested answers as a GraphStore, whatever its types and the memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "storage/graph/graph_store.h"
#include "tests/storage/single_graphs.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

class StoredGraphTest : public EveryStore {
 protected:
  std::shared_ptr<Dataset> IngestAndOpen(Catalog& catalog, const SingleGraph& graph) {
    const auto info = Ingest(catalog, graph.spec, graph.Blocks());
    EXPECT_TRUE(info.ok()) << info.status();
    auto dataset = catalog.OpenDataset(graph.spec.name);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset.ok() ? *dataset : nullptr;
  }
};
INSTANTIATE_TEST_SUITE_P(All, StoredGraphTest,
                         testing::ValuesIn(AndRados({StoreKind::kMemory, StoreKind::kCachedMemory,
                                                     StoreKind::kRocksDb})),
                         StoreKindName);

TEST_P(StoredGraphTest, AHeterogeneousGraphAnswersFromAnyBudget) {
  const SingleGraph graph = RandomHeteroGraph(1, 1500);
  for (const int64_t budget : {0, 2000, 20'000, 1 << 20}) {
    SCOPED_TRACE(testing::Message() << "budget " << budget);
    const auto catalog = OpenCatalog({.memory_budget_bytes = budget, .chunk_bytes = 256});
    const auto dataset = IngestAndOpen(*catalog, graph);
    ASSERT_NE(dataset, nullptr);
    ASSERT_NE(dataset->graph(), nullptr);
    for (uint64_t pass = 0; pass < 2; ++pass) ExpectAnswers(*dataset->graph(), graph, pass);
    EXPECT_LE(catalog->stats().cached_bytes, budget);
    EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
    EXPECT_EQ(catalog->stats().ingest_bytes, 0);
  }
}

TEST_P(StoredGraphTest, RandomHomogeneousGraphsAnswerHoweverTheyAreCut) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 rng(seed);
    const auto num_nodes = static_cast<int64_t>(1 + rng() % 200);
    const SingleGraph graph = HomogeneousGraph(
        "g", num_nodes, RandomEnds(rng, static_cast<int64_t>(rng() % 900), num_nodes, num_nodes));
    const auto catalog = OpenCatalog({.chunk_bytes = int64_t{1} << (seed % 5 * 3)});
    const auto dataset = IngestAndOpen(*catalog, graph);
    ASSERT_NE(dataset, nullptr);
    ExpectAnswers(*dataset->graph(), graph, seed);
    EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  }
}

TEST_P(StoredGraphTest, GraphsMayHaveNoNodesAndNoEdges) {
  const SingleGraph edgeless = HomogeneousGraph("edgeless", 10, {});
  const SingleGraph empty = HomogeneousGraph("empty", 0, {});
  const auto catalog = OpenCatalog();
  for (const SingleGraph& graph : {edgeless, empty}) {
    const auto dataset = IngestAndOpen(*catalog, graph);
    ASSERT_NE(dataset, nullptr);
    ExpectAnswers(*dataset->graph(), graph, 0);
    EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  }
}

TEST_P(StoredGraphTest, TheGraphAfterTransformsIsTheOneThatAnswers) {
  SingleGraph graph = HomogeneousGraph("g", 4, {{0, 1}, {1, 2}, {2, 2}});
  graph.spec.transforms = {AddSelfLoops{}};
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, graph);
  ASSERT_NE(dataset, nullptr);
  // As PyG has it: the loops of the nodes that had none come after the other edges.
  const auto rows = ReadColumnRows(*dataset, 0);
  ASSERT_TRUE(rows.ok()) << rows.status();
  std::vector<int64_t> ends(rows->size() / sizeof(int64_t));
  std::memcpy(ends.data(), rows->data(), rows->size());
  ASSERT_EQ(ends.size(), 12u);
  graph.ends[0].clear();
  for (size_t i = 0; i < ends.size(); i += 2) graph.ends[0].push_back({ends[i], ends[i + 1]});
  ExpectAnswers(*dataset->graph(), graph, 0);
}

TEST_P(StoredGraphTest, LittleIngestMemoryChangesNothing) {
  std::mt19937_64 rng(8);
  const SingleGraph graph = HomogeneousGraph("g", 5000, RandomEnds(rng, 300'000, 5000, 5000));
  const auto catalog = OpenCatalog({.ingest_memory_bytes = int64_t{3} << 19});
  const auto session = catalog->StartIngest(graph.spec);
  ASSERT_TRUE(session.ok()) << session.status();
  for (GraphBlock& block : graph.Blocks(20'000)) {
    const absl::Status status = (*session)->Append(std::move(block));
    ASSERT_TRUE(status.ok()) << status;
  }
  ASSERT_TRUE((*session)->Commit().ok());
  const auto dataset = catalog->OpenDataset("g");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ExpectAnswers(*(*dataset)->graph(), graph, 0);
  EXPECT_TRUE((*dataset)->Verify().ok()) << (*dataset)->Verify();
}

TEST_P(StoredGraphTest, CollectionsHaveNoGraphStore) {
  const auto catalog = OpenCatalog();
  ASSERT_TRUE(Ingest(*catalog, {.name = "c"}, {TwoGraphs()}).ok());
  EXPECT_EQ((*catalog->OpenDataset("c"))->graph(), nullptr);
}

TEST_P(StoredGraphTest, ListsSurviveReopeningAndAreGoneWithTheirVersion) {
  const SingleGraph graph = RandomHeteroGraph(2, 300);
  {
    const auto catalog = OpenCatalog();
    ASSERT_NE(IngestAndOpen(*catalog, graph), nullptr);
  }
  {
    const auto catalog = OpenCatalog();
    auto dataset = *catalog->OpenDataset("h");
    ExpectAnswers(*dataset->graph(), graph, 0);
    ASSERT_TRUE(catalog->Delete("h", 1).ok());
    ExpectAnswers(*dataset->graph(), graph, 1);  // it is still open
  }
  const auto store = Open();
  // What servers share is swept later (shared_store_test.cc).
  if (store->shared()) return;
  EXPECT_THAT(*store->ListColumns(), testing::IsEmpty());
}

TEST_P(StoredGraphTest, EndsAreCheckedAgainstBothTypes) {
  const auto catalog = OpenCatalog();
  for (const End bad : {End{97, 0}, End{0, 211}, End{-1, 0}, End{0, -1}}) {
    SingleGraph graph = RandomHeteroGraph(3, 300);
    graph.ends[0][250] = bad;  // authors write papers: 97 and 211
    const absl::Status status = Ingest(*catalog, graph.spec, graph.Blocks()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("edge_index of author|writes|paper"), HasSubstr("edge 250"),
                      AnyOf(HasSubstr("97 author nodes"), HasSubstr("211 paper nodes"))));
  }
}

TEST_P(StoredGraphTest, EdgesMustBeAsManyAsDeclared) {
  const auto catalog = OpenCatalog();
  SingleGraph fewer = RandomHeteroGraph(3, 300);
  fewer.ends[2].pop_back();
  EXPECT_TRUE(absl::IsInvalidArgument(Ingest(*catalog, fewer.spec, fewer.Blocks()).status()));
  SingleGraph none = RandomHeteroGraph(3, 300);
  none.ends[2].clear();
  const absl::Status status = Ingest(*catalog, none.spec, none.Blocks()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("paper|has|bare has 150 edges, but no column \"edge_index\""));
  EXPECT_THAT(catalog->List(), testing::IsEmpty());
}

TEST_P(StoredGraphTest, QuestionsAboutWhatDoesNotExistAreRefused) {
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, HomogeneousGraph("g", 3, {{0, 1}, {2, 1}}));
  ASSERT_NE(dataset, nullptr);
  GraphStore& graph = *dataset->graph();
  InRun run;
  int64_t answer = 0;
  const int64_t three = 3;
  const int64_t two = 2;
  const absl::Status node = graph.InRuns(0, {&three, 1}, {&run, 1});
  EXPECT_TRUE(absl::IsInvalidArgument(node));
  EXPECT_THAT(std::string(node.message()),
              HasSubstr("dataset \"g@1\", adjacency of node|to|node, in_ptr, row 3 of"));
  EXPECT_TRUE(absl::IsInvalidArgument(graph.Sources(0, {&two, 1}, {&answer, 1})));
  EXPECT_TRUE(absl::IsInvalidArgument(graph.EdgeIds(0, {&two, 1}, {&answer, 1})));
  EXPECT_TRUE(absl::IsInvalidArgument(graph.EdgeIds(1, {&two, 1}, {&answer, 1})));
  EXPECT_TRUE(absl::IsInvalidArgument(graph.EdgeIds(0, {&two, 1}, {})));
  EXPECT_TRUE(graph.EdgeIds(0, {}, {}).ok());
}

TEST_P(StoredGraphTest, ListsCountNeitherInTheFingerprintNorInRawBytes) {
  const SingleGraph graph = RandomHeteroGraph(4, 700);
  std::set<Fingerprint> fingerprints;
  std::set<int64_t> raw_bytes;
  for (const int64_t chunk_bytes : {64, 16 << 10}) {
    const auto catalog = OpenCatalog({.chunk_bytes = chunk_bytes});
    const auto info = Ingest(*catalog, graph.spec, graph.Blocks());
    ASSERT_TRUE(info.ok()) << info.status();
    fingerprints.insert(info->fingerprint);
    raw_bytes.insert(info->raw_bytes);
  }
  EXPECT_EQ(fingerprints.size(), 1u);
  // x of two types, edge_index of three, offsets of ten types.
  EXPECT_EQ(raw_bytes, (std::set<int64_t>{(211 + 97) * 12 + (700 + 1400 + 350) * 16 + 10 * 16}));
}

// From memory and past it, all the while another thread's questions evict.
TEST_P(StoredGraphTest, ThreadsAskTogether) {
  const SingleGraph graph = RandomHeteroGraph(5, 400);
  const auto catalog = OpenCatalog({.memory_budget_bytes = 20'000, .chunk_bytes = 256});
  const auto dataset = IngestAndOpen(*catalog, graph);
  ASSERT_NE(dataset, nullptr);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t round = 0; round < 3; ++round) {
        ExpectAnswers(*dataset->graph(), graph, 10 * t + round);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A dataset in memory whose adjacency can be damaged.
class DamagedGraphTest : public testing::Test {
 protected:
  void SetUp() override {
    catalog_ = *Catalog::Open(std::make_unique<MemoryChunkStore>(disk_),
                              {.memory_budget_bytes = 0, .chunk_bytes = 256});
    std::set<uint64_t> before;
    ASSERT_TRUE(Ingest(*catalog_, graph_.spec, graph_.Blocks()).ok());
    dataset_ = *catalog_->OpenDataset("h");
  }
  // The columns of the edge types come last, three for each, of which empty ones have no chunks.
  uint64_t Uid(size_t column) const {
    std::set<uint64_t> uids;
    for (const ChunkKey& key : disk_->chunk_keys()) uids.insert(key.column);
    // in_ptr of six types; in_source and in_edge_id of the three that have edges
    return *std::next(uids.begin(), static_cast<int64_t>(uids.size() - 12 + column));
  }

  const SingleGraph graph_ = RandomHeteroGraph(6, 800);
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Dataset> dataset_;
};

TEST_F(DamagedGraphTest, ADamagedChunkIsDataLossThatNamesItAndNothingElseIsHurt) {
  struct Case {
    size_t column;
    uint32_t chunk;
    const char* name;
  };
  const std::vector<int64_t> all = {0, 50, 100, 150, 200};
  std::vector<InRun> runs(all.size());
  std::vector<int64_t> answers(all.size());
  for (const Case& c : {Case{3, 3, "adjacency of paper|cites|paper, in_ptr, chunk 3: "},
                        Case{4, 1, "adjacency of paper|cites|paper, in_source, chunk 1: "},
                        Case{5, 2, "adjacency of paper|cites|paper, in_edge_id, chunk 2: "}}) {
    const auto flip = [](std::string& value) { value.back() ^= 1; };
    disk_->Edit({Uid(c.column), c.chunk}, flip);
    const std::vector<absl::Status> statuses = {
        dataset_->graph()->InRuns(1, all, absl::MakeSpan(runs)),
        dataset_->graph()->Sources(1, all, absl::MakeSpan(answers)),
        dataset_->graph()->EdgeIds(1, all, absl::MakeSpan(answers))};
    for (size_t i = 0; i < statuses.size(); ++i) {
      if (i != c.column - 3) {
        EXPECT_TRUE(statuses[i].ok()) << statuses[i];
        continue;
      }
      EXPECT_TRUE(absl::IsDataLoss(statuses[i])) << statuses[i];
      EXPECT_THAT(std::string(statuses[i].message()),
                  HasSubstr(absl::StrCat("dataset \"h@1\", ", c.name)));
    }
    const absl::Status verified = dataset_->Verify();
    EXPECT_TRUE(absl::IsDataLoss(verified));
    EXPECT_THAT(std::string(verified.message()), HasSubstr(c.name));
    disk_->Edit({Uid(c.column), c.chunk}, flip);
  }
  EXPECT_TRUE(dataset_->Verify().ok()) << dataset_->Verify();
}

TEST_F(DamagedGraphTest, AMissingChunkIsDataLoss) {
  disk_->Erase({Uid(4), 0});
  const int64_t first = 0;
  int64_t source = 0;
  EXPECT_TRUE(absl::IsDataLoss(dataset_->graph()->Sources(1, {&first, 1}, {&source, 1})));
}

TEST(AbandonedGraphTest, AFailedBuildLeavesNothingAndPublishesNothing) {
  const SingleGraph graph = RandomHeteroGraph(7, 300);
  const auto disk = std::make_shared<MemoryDisk>();
  int failures = 0;
  for (int64_t allowed = 0;; allowed += 5) {
    int64_t left = allowed;
    disk->on_add = [&](ChunkKey) {
      return left-- > 0 ? absl::OkStatus() : absl::UnavailableError("the disk is full");
    };
    const auto catalog =
        *Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {.chunk_bytes = 256});
    const auto info = Ingest(*catalog, graph.spec, graph.Blocks());
    if (info.ok()) break;
    ++failures;
    EXPECT_THAT(disk->chunk_keys(), testing::IsEmpty());
    EXPECT_EQ(catalog->stats().ingest_bytes, 0);
    EXPECT_TRUE(absl::IsNotFound(catalog->Get("h").status()));
  }
  EXPECT_GT(failures, 20);
}

}  // namespace
}  // namespace graphfeed
