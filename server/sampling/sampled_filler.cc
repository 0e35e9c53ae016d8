#include "server/sampling/sampled_filler.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "server/batching/columns.h"
#include "server/batching/micro_batch.h"
#include "server/batching/padding.h"
#include "server/batching/row_writer.h"
#include "server/sampling/sampled_batch.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Memory of a thread, kept from frame to frame.
struct Scratch {
  std::vector<MicroBatch> batches;
  std::vector<SampledBatch> sampled;  // by micro-batch
  std::vector<RowRange> ranges;
  std::vector<std::byte> rows;
};

Scratch& ThreadScratch() {
  static thread_local Scratch scratch;
  return scratch;
}

void AddTo(const std::vector<int64_t>& counts, std::vector<int64_t>& sums) {
  for (size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
}

// The sizes of one graph, or of none.
void SetSizes(const SampledBatch& sampled, const ResolvedSampling& sampling, MicroBatch& batch) {
  const Subgraph& subgraph = sampled.subgraph;
  const auto start = [&](size_t size, std::vector<int64_t>& ptr, int64_t& real) {
    real = static_cast<int64_t>(size);
    ptr.assign(1, 0);
    if (!sampled.null()) ptr.push_back(real);
  };
  batch.num_graphs = batch.real.graphs = sampled.null() ? 0 : 1;
  batch.real.seeds = static_cast<int64_t>(sampled.input_ids.size());
  const std::optional<ResolvedLinks>& links = sampling.links;
  const bool labels = links.has_value() && links->negative_mode != NegativeMode::kTriplet;
  batch.real.labels = labels ? static_cast<int64_t>(sampled.label_source.size()) : 0;
  batch.node_ptr.resize(subgraph.nodes.size());
  batch.real.nodes.resize(subgraph.nodes.size());
  for (size_t t = 0; t < subgraph.nodes.size(); ++t) {
    start(subgraph.nodes[t].size(), batch.node_ptr[t], batch.real.nodes[t]);
  }
  batch.edge_ptr.resize(subgraph.edges.size());
  batch.real.edges.resize(subgraph.edges.size());
  for (size_t r = 0; r < subgraph.edges.size(); ++r) {
    start(subgraph.edges[r].source.size(), batch.edge_ptr[r], batch.real.edges[r]);
  }
}

// Ids, then `pad` up to `size`.
void WriteIds(DType dtype, const std::vector<int64_t>& ids, int64_t size, double pad,
              std::byte* block) {
  const RowWriter writer(DType::kInt64, dtype, 1, false, size);
  const auto count = static_cast<int64_t>(ids.size());
  writer.Write(reinterpret_cast<const std::byte*>(ids.data()), count, 0, block);
  writer.Pad(pad, count, block);
}

// Run `run` of runs of `size` places, the rest of it `pad`.
void WriteRun(DType dtype, const std::vector<int32_t>& places, int64_t run, int64_t size,
              int64_t pad, std::byte* block) {
  WritePlaces(dtype, places.data(), run * size, static_cast<int64_t>(places.size()), pad,
              (run + 1) * size, block);
}

}  // namespace

class SampledFiller::SampledFrame final : public Filler::Frame {
 public:
  SampledFrame(const SampledFiller& filler, FeatureStore& features, Scratch& scratch)
      : schema_(filler.schema_), spec_(filler.spec_), features_(features), scratch_(scratch) {}

  const MicroBatch& batch(int64_t micro_batch) const override {
    return scratch_.batches[micro_batch];
  }

  void AddTrimmed(Counts& trimmed) const override {
    for (const SampledBatch& sampled : scratch_.sampled) {
      AddTo(sampled.trimmed.nodes, trimmed.nodes);
      AddTo(sampled.trimmed.edges, trimmed.edges);
    }
  }

  absl::Status Write(const TensorBlocks& to) override {
    if (const auto* column = std::get_if<BatchTensor::Column>(&to.tensor.source)) {
      return WriteColumn(column->index, to);
    }
    const auto what = std::get<BatchTensor::Sampled>(to.tensor.source);
    for (int64_t m = 0; m < num_batches(); ++m) {
      WriteSampled(what, to.tensor, scratch_.batches[m], scratch_.sampled[m], to.block(m));
    }
    return absl::OkStatus();
  }

 private:
  int64_t num_batches() const { return static_cast<int64_t>(scratch_.batches.size()); }

  // With padding.
  int64_t NumSeeds(const MicroBatch& batch) const {
    return spec_.fixed_size() ? spec_.batch_size : batch.real.seeds;
  }
  int64_t NumLabels(const MicroBatch& batch) const {
    return spec_.fixed_size() ? links().NumLabels(spec_.batch_size) : batch.real.labels;
  }

  const ResolvedLinks& links() const { return *spec_.sampling->links; }
  const EdgeType& link_type() const { return schema_.edge_types[links().edge_type]; }

  // Labels of padding point to the first padding node.
  void WriteSampled(BatchTensor::Sampled what, const BatchTensor& tensor, const MicroBatch& batch,
                    const SampledBatch& sampled, std::byte* block) const {
    using Sampled = BatchTensor::Sampled;
    const DType dtype = tensor.spec.dtype;
    const int type = tensor.spec.type;
    const Subgraph& subgraph = sampled.subgraph;
    const std::vector<int64_t>& real_nodes = batch.real.nodes;
    switch (what) {
      case Sampled::kNodeIds:
        return WriteIds(dtype, subgraph.nodes[type], batch.node_ptr[type].back(),
                        IdPadValue(dtype, spec_.options.node_pad_value), block);
      case Sampled::kEdgeIds:
        return WriteIds(dtype, subgraph.edges[type].edge_id, batch.edge_ptr[type].back(),
                        IdPadValue(dtype, spec_.options.edge_pad_value), block);
      case Sampled::kInputIds:
        return WriteIds(dtype, sampled.input_ids, NumSeeds(batch), -1, block);
      case Sampled::kTrees:
        return WriteRun(dtype, subgraph.tree[type], 0, batch.node_ptr[type].back(), -1, block);
      case Sampled::kLabelIndex: {
        const int64_t size = NumLabels(batch);
        WriteRun(dtype, sampled.label_source, 0, size, real_nodes[link_type().source], block);
        return WriteRun(dtype, sampled.label_target, 1, size, real_nodes[link_type().target],
                        block);
      }
      case Sampled::kLabelSources:
        return WriteRun(dtype, sampled.label_source, 0, NumSeeds(batch),
                        real_nodes[link_type().source], block);
      case Sampled::kLabelTargets:
        return WriteRun(dtype, sampled.label_target, 0, NumSeeds(batch),
                        real_nodes[link_type().target], block);
      case Sampled::kNegativeTargets:
        return WriteRun(dtype, sampled.negative_target, 0,
                        NumSeeds(batch) * links().negatives_per_seed(),
                        real_nodes[link_type().target], block);
      case Sampled::kLabels:
        return WriteLabels(dtype, sampled, batch, block);
      case Sampled::kSeedTimes:
        return WriteIds(dtype, sampled.times, NumSeeds(batch), 0, block);
      case Sampled::kLabelTimes:
        return WriteIds(dtype, sampled.times, NumLabels(batch), 0, block);
      case Sampled::kLabelMask:
        std::memset(block, 1, batch.real.labels);
        std::memset(block + batch.real.labels, 0, NumLabels(batch) - batch.real.labels);
        return;
    }
  }

  void WriteLabels(DType dtype, const SampledBatch& sampled, const MicroBatch& batch,
                   std::byte* block) const {
    const std::vector<int64_t>& labels = sampled.labels;
    const int64_t size = NumLabels(batch);
    if (dtype == DType::kInt64) return WriteIds(dtype, labels, size, 0, block);
    auto* floats = reinterpret_cast<float*>(block);
    if (!sampled.float_labels.empty()) {
      const auto end = std::copy(sampled.float_labels.begin(), sampled.float_labels.end(), floats);
      std::fill(end, floats + size, 0.0F);
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      floats[i] = i < batch.real.labels ? static_cast<float>(labels[i]) : 0;
    }
  }

  absl::Status WriteColumn(int index, const TensorBlocks& to) {
    const ColumnSchema& column = schema_.columns[index];
    const RowWriter writer = WriterOf(column, to.tensor.spec, scratch_.batches[0]);
    if (column.level == Level::kGraph) return WriteGraphColumn(index, writer, to);
    for (int64_t m = 0; m < num_batches(); ++m) {
      const Subgraph& subgraph = scratch_.sampled[m].subgraph;
      if (IsEdgeIndex(column)) {
        const Subgraph::Edges& edges = subgraph.edges[column.type];
        const int64_t size = scratch_.batches[m].edge_ptr[column.type].back();
        WriteRun(to.tensor.spec.dtype, edges.source, 0, size, 0, to.block(m));
        WriteRun(to.tensor.spec.dtype, edges.target, 1, size, 0, to.block(m));
        continue;
      }
      const absl::Span<const int64_t> ids = column.level == Level::kNode
                                                ? subgraph.nodes[column.type]
                                                : subgraph.edges[column.type].edge_id;
      GF_RETURN_IF_ERROR(GatherIds(index, ids, writer, m, to));
    }
    return absl::OkStatus();
  }

  // The rows of the one graph that there is.
  absl::Status WriteGraphColumn(int index, const RowWriter& writer, const TensorBlocks& to) {
    const int64_t rows_per_graph = schema_.columns[index].rows_per_graph;
    scratch_.ranges.clear();
    for (const MicroBatch& batch : scratch_.batches) {
      scratch_.ranges.push_back({0, batch.real.graphs * rows_per_graph});
    }
    return features_.VisitRows(
        index, scratch_.ranges,
        [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          writer.Write(rows, count, offset, to.block(static_cast<int64_t>(range)));
        });
  }

  // Some at a time: what was written is hashed before it leaves the cache, and rows that change on
  // their way need little memory. Where rows come from afar, waiting for few of them at a time
  // takes longer than hashing what has left the cache.
  absl::Status GatherIds(int index, absl::Span<const int64_t> ids, const RowWriter& writer,
                         int64_t micro_batch, const TensorBlocks& to) {
    constexpr int64_t kBytesAtOnce = 256 << 10;
    constexpr size_t kMoreAtOnce = 32;
    const ColumnSchema& column = schema_.columns[index];
    std::byte* const block = to.block(micro_batch);
    const bool as_stored = to.tensor.spec.dtype == column.dtype && !column.concat_last;
    const int64_t row_bytes = std::max<int64_t>(column.row_bytes(), 1);
    const auto rows_at_once = static_cast<size_t>(std::max<int64_t>(kBytesAtOnce / row_bytes, 1));
    std::vector<std::byte>& rows = scratch_.rows;
    size_t more = 1;
    for (size_t first = 0; first < ids.size();) {
      const absl::Span<const int64_t> some = ids.subspan(first, more * rows_at_once);
      const size_t end = first + some.size();
      const int64_t far_reads = features_.far_reads();
      if (as_stored) {
        GF_RETURN_IF_ERROR(
            features_.GatherRows(index, some, block + static_cast<int64_t>(first) * row_bytes));
      } else {
        rows.resize(some.size() * static_cast<size_t>(row_bytes));
        GF_RETURN_IF_ERROR(features_.GatherRows(index, some, rows.data()));
        writer.Write(rows.data(), static_cast<int64_t>(some.size()), static_cast<int64_t>(first),
                     block);
      }
      if (micro_batch == 0 && !column.concat_last) {
        to.Finished(block + end * column.row_elements() * SizeOf(to.tensor.spec.dtype));
      }
      if (as_stored) more = features_.far_reads() > far_reads ? kMoreAtOnce : 1;
      first = end;
    }
    return absl::OkStatus();
  }

  const Schema& schema_;
  const ResolvedSpec& spec_;
  FeatureStore& features_;
  Scratch& scratch_;
};

SampledFiller::SampledFiller(const Schema& schema, const ResolvedSpec& spec,
                             std::unique_ptr<const SeedSampler> sampler)
    : schema_(schema), spec_(spec), sampler_(std::move(sampler)) {
  GF_CHECK(spec_.sampling.has_value() && sampler_ != nullptr);
}

absl::StatusOr<Filler::Frame*> SampledFiller::Start(const EpochPlan& plan, uint64_t seed,
                                                    int64_t ordinal, bool null_frame,
                                                    FeatureStore& features) const {
  Scratch& scratch = ThreadScratch();
  scratch.batches.resize(spec_.micro_batches);
  scratch.sampled.resize(spec_.micro_batches);
  for (int64_t m = 0; m < spec_.micro_batches; ++m) {
    SampledBatch& sampled = scratch.sampled[m];
    if (null_frame) {
      sampled.Clear(schema_.node_types.size(), schema_.edge_types.size());
    } else {
      const int64_t batch = ordinal * spec_.micro_batches + m;
      GF_RETURN_IF_ERROR(sampler_->Sample(plan, seed, batch, sampled));
    }
    SetSizes(sampled, *spec_.sampling, scratch.batches[m]);
    if (spec_.fixed_size()) scratch.batches[m].AddPadding(spec_.options);
  }
  static thread_local std::optional<SampledFrame> frame;
  return &frame.emplace(*this, features, scratch);
}

}  // namespace graphfeed
