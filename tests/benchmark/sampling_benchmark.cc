// Sampled batches of one large heterogeneous graph: what sampling alone takes on one thread, and
// what a whole batch takes by stage. One JSON line for each measurement.

#include <time.h>
#include <xxhash.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "proto/frame/slab.h"
#include "server/batching/collater.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/sampled_filler.h"
#include "server/sampling/seed_sampler.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"

ABSL_FLAG(std::string, data_dir, "", "data folder with the dataset");
ABSL_FLAG(std::string, dataset, "hetero", "a heterogeneous single graph");
ABSL_FLAG(std::string, input_type, "paper", "node type of the seeds");
ABSL_FLAG(int64_t, batch_size, 1024, "seeds of a batch");
ABSL_FLAG(std::vector<std::string>, fan_outs, std::vector<std::string>({"15-10", "10-5-5"}),
          "fan-outs of every edge type; hops are separated by dashes");
ABSL_FLAG(int64_t, batches, 200, "batches of a measurement in this process");
ABSL_FLAG(int64_t, memory_budget, int64_t{2} << 30, "for chunks in memory, in bytes");

namespace graphfeed {
namespace {

constexpr uint64_t kSeed = 1;

absl::StatusOr<BatchSpec> SpecFor(const std::string& fan_outs) {
  BatchSpec spec;
  spec.strategy = Strategy::kNeighbor;
  spec.over_size = OverSize::kTrimNodesAndEdges;
  spec.batch_size = absl::GetFlag(FLAGS_batch_size);
  spec.shuffle = true;
  spec.drop_last = true;
  spec.sample_limit = 50;
  spec.sampling.emplace();
  spec.sampling->input_type = absl::GetFlag(FLAGS_input_type);
  for (const absl::string_view hop : absl::StrSplit(fan_outs, '-')) {
    int64_t fan_out = 0;
    if (!absl::SimpleAtoi(hop, &fan_out)) {
      return absl::InvalidArgumentError(absl::StrCat("fan_outs: \"", fan_outs, "\""));
    }
    spec.sampling->num_neighbors[""].push_back(fan_out);
  }
  return spec;
}

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// CPU seconds of `work`, all of it on this thread.
template <typename Work>
absl::StatusOr<double> Timed(Work work) {
  const double start = CpuSeconds();
  GF_RETURN_IF_ERROR(work());
  return CpuSeconds() - start;
}

// An open dataset and the batches of one spec without padding.
struct Sampling {
  ResolvedSpec spec;
  SeedSet seeds;
  GraphOffsets items;
  std::unique_ptr<SeedSampler> sampler;
  std::unique_ptr<EpochPlan> plan;
};

absl::Status Prepare(Dataset& dataset, BatchSpec request, Sampling& sampling) {
  request.ragged = true;
  request.over_size = OverSize::kError;
  GF_ASSIGN_OR_RETURN(const ResolvedSampling resolved, ResolveSampling(request, dataset.info()));
  const GraphView graph{dataset.info().schema, *dataset.graph(), dataset};
  GF_ASSIGN_OR_RETURN(sampling.seeds, SeedSet::Read(graph, resolved));
  sampling.items.num_graphs = sampling.seeds.size();
  GF_ASSIGN_OR_RETURN(sampling.spec, ResolveSpec(request, dataset.info(), sampling.items));
  GF_ASSIGN_OR_RETURN(sampling.sampler, SeedSampler::Create(graph, sampling.spec, sampling.seeds));
  GF_ASSIGN_OR_RETURN(sampling.plan, EpochPlan::Create(sampling.spec, sampling.items, kSeed, 0));
  return absl::OkStatus();
}

// One thread: sampling alone, then the parts of making the same batches without padding. There the
// other parts empty the processor's caches in between.
absl::Status MeasureInProcess(Dataset& dataset, const std::string& fan_outs) {
  GF_ASSIGN_OR_RETURN(const BatchSpec request, SpecFor(fan_outs));
  Sampling sampling;
  GF_RETURN_IF_ERROR(Prepare(dataset, request, sampling));
  Sampling collated;  // the collater takes its sampler
  GF_RETURN_IF_ERROR(Prepare(dataset, request, collated));
  GF_ASSIGN_OR_RETURN(
      const std::unique_ptr<Collater> collater,
      Collater::Create(dataset.info().schema, collated.spec, INT64_MAX,
                       std::make_unique<SampledFiller>(dataset.info().schema, collated.spec,
                                                       std::move(collated.sampler))));
  const int64_t batches = std::min(absl::GetFlag(FLAGS_batches), sampling.plan->num_batches() / 2);
  const Schema& schema = dataset.info().schema;
  SampledBatch sampled;
  std::vector<std::byte> rows;
  double sampling_s = 0;
  double gather_s = 0;
  double digest_s = 0;
  double whole_s = 0;
  int64_t nodes = 0;
  int64_t edges = 0;
  int64_t bytes = 0;
  SlabPool slabs(1);
  uint64_t digests = 0;  // so that hashing is not left out
  // Sampling alone; the first half is for warming up.
  double alone_s = 0;
  for (int64_t batch = 0; batch < 2 * batches; ++batch) {
    GF_ASSIGN_OR_RETURN(const double a, Timed([&] {
                          return sampling.sampler->Sample(*sampling.plan, kSeed, batch, sampled);
                        }));
    if (batch < batches) continue;
    alone_s += a;
    for (const auto& list : sampled.subgraph.nodes) nodes += static_cast<int64_t>(list.size());
    for (const auto& list : sampled.subgraph.edges) {
      edges += static_cast<int64_t>(list.source.size());
    }
  }
  for (int64_t batch = 0; batch < 2 * batches; ++batch) {
    const bool counts = batch >= batches;
    GF_ASSIGN_OR_RETURN(const double a, Timed([&] {
                          return sampling.sampler->Sample(*sampling.plan, kSeed, batch, sampled);
                        }));
    GF_ASSIGN_OR_RETURN(
        const double b, Timed([&]() -> absl::Status {
          for (size_t c = 0; c < schema.columns.size(); ++c) {
            const ColumnSchema& column = schema.columns[c];
            if (column.level != Level::kNode) continue;
            const auto& ids = sampled.subgraph.nodes[column.type];
            rows.resize(ids.size() * static_cast<size_t>(column.row_bytes()));
            GF_RETURN_IF_ERROR(dataset.GatherRows(static_cast<int>(c), ids, rows.data()));
          }
          return absl::OkStatus();
        }));
    Slab slab;
    FrameInfo info;
    GF_ASSIGN_OR_RETURN(const double c, Timed([&]() -> absl::Status {
                          return collater->Collate(
                              *collated.plan, kSeed, batch, false, dataset, INT64_MAX,
                              [&](int64_t size) {
                                slab = slabs.Take(size);
                                return slab.data();
                              },
                              info);
                        }));
    GF_ASSIGN_OR_RETURN(const double d, Timed([&] {
                          digests += XXH3_64bits(slab.data(), static_cast<size_t>(slab.size()));
                          return absl::OkStatus();
                        }));
    if (!counts) continue;
    sampling_s += a;
    gather_s += b;
    whole_s += c + d;
    digest_s += d;
    bytes += slab.size();
  }
  const auto count = static_cast<double>(batches);
  std::printf(R"({"benchmark": "sampling", "fan_outs": "%s", "batch_size": %ld, )"
              R"("cpu_ms_per_batch": %.3f, "nodes_per_batch": %.0f, "edges_per_batch": %.0f, )"
              R"("ns_per_edge": %.1f})"
              "\n",
              fan_outs.c_str(), request.batch_size, alone_s * 1e3 / count,
              static_cast<double>(nodes) / count, static_cast<double>(edges) / count,
              alone_s * 1e9 / static_cast<double>(edges));
  std::printf(R"({"benchmark": "sampled_batch", "fan_outs": "%s", "frame_bytes": %.0f, )"
              R"("cpu_ms_per_batch": %.3f, "sampling_share": %.3f, "gather_share": %.3f, )"
              R"("digest_share": %.3f, "rest_share": %.3f, "digests": "%016lx"})"
              "\n",
              fan_outs.c_str(), static_cast<double>(bytes) / count, whole_s * 1e3 / count,
              sampling_s / whole_s, gather_s / whole_s, digest_s / whole_s,
              1 - (sampling_s + gather_s + digest_s) / whole_s, digests);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run() {
  const std::string data_dir = absl::GetFlag(FLAGS_data_dir);
  if (data_dir.empty()) return absl::InvalidArgumentError("--data_dir is not set");
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(data_dir));
  CatalogOptions options;
  options.memory_budget_bytes = absl::GetFlag(FLAGS_memory_budget);
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog,
                      Catalog::Open(std::move(store), options));
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset,
                      catalog->OpenDataset(absl::GetFlag(FLAGS_dataset)));
  if (dataset->graph() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::GetFlag(FLAGS_dataset), " is no single graph"));
  }
  for (const std::string& fan_outs : absl::GetFlag(FLAGS_fan_outs)) {
    GF_RETURN_IF_ERROR(MeasureInProcess(*dataset, fan_outs));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Measures sampled batches. Prints JSON, a line for each measurement.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = graphfeed::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "sampling_benchmark: %s\n", status.ToString().c_str());
  return 1;
}
