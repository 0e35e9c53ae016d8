// A steady stream allocates nothing for frame after frame: what it needs it has from the frames
// before. (Frames of their own sizes take a slab each, and seed edges the sets that they are looked
// up in.) Counts every allocation of the thread, by taking malloc's place; so a program of its own.

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "proto/frame/slab.h"
#include "server/metrics/metrics.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/recipe.h"
#include "server/sharing/slab_ring.h"
#include "storage/catalog.h"
#include "storage/chunks/open_store.h"
#include "tests/support/test_graphs.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {

thread_local int64_t num_allocations = 0;

void* Counted(void* memory) {
  ++num_allocations;
  return memory;
}

}  // namespace

extern "C" {
void* malloc(size_t size) { return Counted(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) { return Counted(__libc_calloc(count, size)); }
void* realloc(void* old, size_t size) { return Counted(__libc_realloc(old, size)); }
void* memalign(size_t alignment, size_t size) { return Counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(size_t alignment, size_t size) {
  return Counted(__libc_memalign(alignment, size));
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  *memory = Counted(__libc_memalign(alignment, size));
  return *memory == nullptr ? ENOMEM : 0;
}
}

namespace graphfeed {
namespace {

constexpr int64_t kLimit = int64_t{1} << 28;

// Node columns x and mask, edges in a ring with chords: a single graph to sample from.
GraphBlock RingBlock(int64_t num_nodes) {
  GraphBlock block = MoleculeBlock(1);
  block.num_graphs = 0;
  block.num_nodes.clear();
  block.num_edges.clear();
  block.columns.resize(2);
  for (ColumnBlock& column : block.columns) {
    column.rows.clear();
    column.sizes.clear();
  }
  const auto append = [](std::string& rows, auto value) {
    rows.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  for (int64_t i = 0; i < num_nodes; ++i) {
    for (int f = 0; f < 4; ++f) append(block.columns[0].rows, static_cast<float>(i));
    for (const int64_t step : {1, 7, 31}) {
      append(block.columns[1].rows, (i + step) % num_nodes);
      append(block.columns[1].rows, i);
    }
  }
  return block;
}

class AllocationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/allocation_test." + std::to_string(getpid());
    auto store = OpenStore(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    auto catalog = Catalog::Open(*std::move(store), {});
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = *std::move(catalog);
    maker_.emplace(*catalog_, metrics_, admission_, kLimit, kLimit, 4);
    Ingest({.name = "molecules"}, MoleculeBlock(2000));
    Ingest({.name = "ring", .collection = false, .num_nodes = {5000}, .num_edges = {15000}},
           RingBlock(5000));
  }
  void TearDown() override {
    maker_.reset();
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Ingest(const IngestSpec& spec, const GraphBlock& block) {
    auto sink = catalog_->StartIngest(spec);
    ASSERT_TRUE(sink.ok()) << sink.status();
    ASSERT_EQ((*sink)->Append(block), absl::OkStatus());
    const auto info = (*sink)->Commit();
    ASSERT_TRUE(info.ok()) << info.status();
  }

  // Allocations of the second epoch's frames; `take` gives slabs as streams get them. -1: an error,
  // which has been told.
  int64_t Allocations(const std::string& dataset, const BatchSpec& spec, bool graph_ids,
                      absl::FunctionRef<Slab(const Recipe& recipe, int64_t size)> take) {
    std::optional<absl::StatusOr<std::shared_ptr<const Recipe>>> recipe;
    maker_->Open(dataset, std::nullopt, spec, kLimit, [&](auto opened) { recipe = opened; });
    if (!recipe.has_value() || !recipe->ok()) {
      ADD_FAILURE() << "not opened: " << (recipe.has_value() ? recipe->status().message() : "");
      return -1;
    }
    const std::shared_ptr<const void> tables = (**recipe)->HoldTables();
    int64_t allocations = 0;
    BuiltFrame frame;
    // Each of the first epochs may hold the largest batch that there has been.
    for (const int64_t epoch : {0, 1, 2, 3, 3}) {
      std::shared_ptr<const EpochPlan> plan;
      maker_->Plan(**recipe, /*seed=*/1, epoch, [&](auto made) { plan = *std::move(made); });
      const int64_t before = num_allocations;
      for (int64_t ordinal = 0; ordinal < plan->num_frames(); ++ordinal) {
        frame.slab = Slab();
        const absl::Status status = maker_->Build(
            ***recipe, *plan, /*seed=*/1, {.ordinal = ordinal},
            {.max_frame_bytes = kLimit, .graph_ids = graph_ids},
            [&](int64_t size) { return take(***recipe, size); }, frame);
        if (!status.ok()) {
          ADD_FAILURE() << status;
          return -1;
        }
      }
      allocations = num_allocations - before;
    }
    return allocations;
  }

  int64_t Allocations(const std::string& dataset, const BatchSpec& spec, bool graph_ids = false) {
    SlabPool slabs(2);
    return Allocations(dataset, spec, graph_ids,
                       [&](const Recipe&, int64_t size) { return slabs.Take(size); });
  }

  std::string folder_;
  Metrics metrics_;
  Admission admission_{"streams", kLimit, 16};
  std::unique_ptr<Catalog> catalog_;
  std::optional<BatchMaker> maker_;
};

BatchSpec WholeGraphs(Strategy strategy) {
  BatchSpec spec;
  spec.strategy = strategy;
  spec.shuffle = true;
  spec.masks = true;
  spec.options.emplace();
  spec.options->num_graphs = 20;
  spec.options->num_nodes[""] = 256;
  spec.options->num_edges[""] = 512;
  return spec;
}

BatchSpec Sampled() {
  BatchSpec spec;
  spec.strategy = Strategy::kNeighbor;
  spec.shuffle = true;
  spec.batch_size = 50;
  spec.options.emplace();
  spec.options->num_graphs = 2;
  spec.options->num_nodes[""] = 2048;
  spec.options->num_edges[""] = 4096;
  spec.sampling.emplace();
  spec.sampling->num_neighbors = {{"", {2, 2}}};
  return spec;
}

TEST_F(AllocationTest, AllocationsAreCounted) {
  const int64_t before = num_allocations;
  std::vector<std::unique_ptr<int>> values;
  values.push_back(std::make_unique<int>(1));
  std::free(std::aligned_alloc(64, 64));
  EXPECT_EQ(num_allocations - before, 3);
}

TEST_F(AllocationTest, PaddedAndPackedFramesTakeNone) {
  for (const Strategy strategy : {Strategy::kPadToMax, Strategy::kStreamPack, Strategy::kPack}) {
    EXPECT_EQ(Allocations("molecules", WholeGraphs(strategy)), 0) << static_cast<int>(strategy);
  }
}

TEST_F(AllocationTest, MicroBatchesAndGraphIdsTakeNone) {
  BatchSpec spec = WholeGraphs(Strategy::kPack);
  spec.micro_batches = 3;
  EXPECT_EQ(Allocations("molecules", spec, /*graph_ids=*/true), 0);
}

TEST_F(AllocationTest, SampledFramesTakeNone) { EXPECT_EQ(Allocations("ring", Sampled()), 0); }

TEST_F(AllocationTest, PlacesOfSharedMemoryTakeNone) {
  std::shared_ptr<SlabRing> ring;
  EXPECT_EQ(Allocations("molecules", WholeGraphs(Strategy::kPack), /*graph_ids=*/false,
                        [&](const Recipe&, int64_t size) {
                          if (ring == nullptr) ring = *SlabRing::Create(3, size);
                          return ring->Take();
                        }),
            0);
}

}  // namespace
}  // namespace graphfeed
