// What building batches costs on one thread without gRPC: gather, padding and digest, beside a loop
// that copies as many bytes from scattered places and hashes them. A line of JSON for each round.

#include <time.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "client/flags/json.h"
#include "client/flags/spec_flags.h"
#include "proto/frame/slab.h"
#include "server/batching/collater.h"
#include "server/batching/graph_filler.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {
namespace {

struct BuildFlags {
  SpecFlags spec;
  std::string data_dir;
  int rounds = 5;
  int64_t batches = 1000;  // of a round
};

// Frames that are sent or in work at a server while the next one is built.
constexpr size_t kSlabsOut = 4;

double CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

class Builder {
 public:
  static absl::StatusOr<std::unique_ptr<Builder>> Create(std::shared_ptr<Dataset> dataset,
                                                         const StreamOptions& options) {
    auto builder = std::make_unique<Builder>();
    builder->seed_ = options.seed;
    const Schema& schema = dataset->info().schema;
    const GraphOffsets& offsets = dataset->offsets();
    GF_ASSIGN_OR_RETURN(builder->spec_, ResolveSpec(options.spec, dataset->info(), offsets));
    GF_ASSIGN_OR_RETURN(builder->plan_,
                        EpochPlan::Create(builder->spec_, offsets, builder->seed_, 0));
    GF_ASSIGN_OR_RETURN(builder->collater_, Collater::Create(schema, builder->spec_, INT64_MAX,
                                                             std::make_unique<GraphFiller>(
                                                                 schema, offsets, builder->spec_)));
    builder->dataset_ = std::move(dataset);
    return builder;
  }

  // CPU microseconds of a batch.
  absl::StatusOr<double> Build(int64_t count) {
    FrameInfo info;
    const double begin = CpuMicroseconds();
    for (int64_t i = 0; i < count; ++i) {
      GF_RETURN_IF_ERROR(collater_->Collate(
          *plan_, seed_, i % plan_->num_batches(), false, *dataset_, INT64_MAX,
          [&](int64_t size) { return Next(size).data(); }, info));
    }
    return (CpuMicroseconds() - begin) / static_cast<double>(count);
  }

  // The same bytes, copied in runs of a graph's rows of a column from all over as much memory as
  // the dataset has, and hashed.
  double CopyAndHash(int64_t count) {
    constexpr size_t kRunBytes = 1024;
    const auto size = static_cast<size_t>(slab_bytes());
    if (source_.empty()) source_.resize(static_cast<size_t>(dataset_->info().raw_bytes), 'x');
    uint64_t place = 1;
    const double begin = CpuMicroseconds();
    for (int64_t i = 0; i < count; ++i) {
      std::byte* const to = Next(static_cast<int64_t>(size)).data();
      for (size_t at = 0; at < size; at += kRunBytes) {
        place = place * 6364136223846793005u + 1442695040888963407u;
        const size_t from = (place >> 33) % (source_.size() - kRunBytes);
        std::memcpy(to + at, source_.data() + from, std::min(kRunBytes, size - at));
      }
      digests_ += XXH3_64bits(to, size);
    }
    return (CpuMicroseconds() - begin) / static_cast<double>(count);
  }

  int64_t slab_bytes() const { return collater_->layout().slab_bytes; }
  uint64_t digests() const { return digests_; }

 private:
  Slab& Next(int64_t size) {
    Slab& slab = out_[next_++ % kSlabsOut];
    slab = Slab();
    return slab = slabs_.Take(size);
  }

  std::shared_ptr<Dataset> dataset_;  // shared with nobody
  uint64_t seed_ = 0;
  ResolvedSpec spec_;
  std::unique_ptr<EpochPlan> plan_;
  std::unique_ptr<Collater> collater_;
  SlabPool slabs_{kSlabsOut};
  std::vector<Slab> out_{kSlabsOut};
  size_t next_ = 0;
  std::vector<char> source_;
  uint64_t digests_ = 0;  // so that hashing is not left out
};

absl::Status Run(const BuildFlags& flags) {
  GF_ASSIGN_OR_RETURN(const StreamOptions options, flags.spec.Build());
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(flags.data_dir));
  CatalogOptions catalog_options;
  catalog_options.memory_budget_bytes = int64_t{1} << 30;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog,
                      Catalog::Open(std::move(store), catalog_options));
  GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset, catalog->OpenDataset(options.dataset));
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Builder> builder,
                      Builder::Create(std::move(dataset), options));
  for (int round = -1; round < flags.rounds; ++round) {  // the first one fills the cache
    GF_ASSIGN_OR_RETURN(const double built, builder->Build(flags.batches));
    const double copied = builder->CopyAndHash(flags.batches);
    if (round < 0) continue;
    const Json line = {{"built_us", built},
                       {"copied_us", copied},
                       {"slab_bytes", builder->slab_bytes()},
                       {"digests", builder->digests()}};
    std::printf("%s\n", line.dump().c_str());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  graphfeed::BuildFlags flags;
  CLI::App app;
  flags.spec.Register(app);
  app.add_option("--data-dir", flags.data_dir)->required();
  app.add_option("--rounds", flags.rounds);
  app.add_option("--batches", flags.batches);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = graphfeed::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "build_benchmark: %s\n", status.ToString().c_str());
  return 1;
}
