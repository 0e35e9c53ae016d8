#include "server/batching/collater.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/batching/batch_tensors.h"
#include "server/batching/columns.h"
#include "server/batching/fitter.h"
#include "server/batching/micro_batch.h"
#include "server/batching/row_writer.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Where a range of stored rows goes: from row `row` of the block of `micro_batch` on.
struct Destination {
  int64_t micro_batch = 0;
  int64_t graph = 0;  // of the micro-batch
  int64_t row = 0;
};

// Ranges to read and where their rows go, one entry for one. Reused from batch to batch.
struct Gather {
  std::vector<RowRange> ranges;
  std::vector<Destination> destinations;

  void Clear() {
    ranges.clear();
    destinations.clear();
  }

  // With `merge`, rows that are stored behind the last ones are read together with them. What a
  // micro-batch gathers always follows each other where it goes.
  void Add(RowRange range, Destination destination, bool merge) {
    if (range.count == 0) return;
    if (merge && !ranges.empty()) {
      RowRange& last = ranges.back();
      if (last.first + last.count == range.first &&
          destinations.back().micro_batch == destination.micro_batch) {
        last.count += range.count;
        return;
      }
    }
    ranges.push_back(range);
    destinations.push_back(destination);
  }
};

// Memory of a thread, kept from batch to batch.
struct Scratch {
  std::vector<MicroBatch> micro_batches;
  std::vector<SampledBatch> sampled;  // by micro-batch
  Gather gather;
  std::vector<int64_t> numbers;
  std::vector<std::byte> rows;
};

Scratch& ThreadScratch() {
  static thread_local Scratch scratch;
  return scratch;
}

}  // namespace

class Collater::Impl {
 public:
  Impl(const DatasetInfo& dataset, const GraphOffsets& offsets, const ResolvedSpec& spec,
       std::unique_ptr<const BatchSampler> sampler)
      : schema_(dataset.schema),
        offsets_(offsets),
        spec_(spec),
        sampler_(std::move(sampler)),
        tensors_(BatchTensors(schema_, spec)),
        fitter_(schema_, offsets, spec) {}

  // A frame being made: what all its tensors need.
  class Frame;

  const Schema& schema_;
  const GraphOffsets& offsets_;
  const ResolvedSpec& spec_;
  const std::unique_ptr<const BatchSampler> sampler_;  // null unless the spec is sampled
  const std::vector<BatchTensor> tensors_;
  const Fitter fitter_;
};

class Collater::Impl::Frame {
 public:
  Frame(const Impl& impl, FeatureStore& features, Scratch& scratch)
      : impl_(impl),
        features_(features),
        micro_batches_(scratch.micro_batches),
        sampled_(scratch.sampled),
        gather_(scratch.gather),
        numbers_(scratch.numbers),
        rows_(scratch.rows) {}

  // Decides what the frame will hold.
  absl::Status Start(const EpochPlan& plan, uint64_t seed, int64_t ordinal, bool null_frame) {
    const ResolvedSpec& spec = impl_.spec_;
    const CounterRandom random(seed, plan.epoch(), RandomPurpose::kTrim);
    micro_batches_.resize(spec.micro_batches);
    if (impl_.sampler_ != nullptr) sampled_.resize(spec.micro_batches);
    for (int64_t m = 0; m < spec.micro_batches; ++m) {
      MicroBatch& batch = micro_batches_[m];
      batch.batch = ordinal * spec.micro_batches + m;
      batch.graphs.clear();
      if (impl_.sampler_ != nullptr) {
        SampledBatch& sampled = sampled_[m];
        // Null frames are those of no batch.
        GF_RETURN_IF_ERROR(
            impl_.sampler_->Sample(plan, seed, null_frame ? -1 : batch.batch, sampled));
        StartSampled(sampled, batch);
        if (spec.fixed_size()) batch.AddPadding(spec.options);
        continue;
      }
      if (!null_frame) plan.GraphsOf(batch.batch, batch.graphs);
      batch.Start(impl_.offsets_);
      if (!spec.fixed_size()) continue;
      GF_RETURN_IF_ERROR(impl_.fitter_.Fit(random, features_, batch));
      batch.AddPadding(spec.options);
    }
    return absl::OkStatus();
  }

  const Counts& real(int64_t micro_batch) const { return micro_batches_[micro_batch].real; }

  FrameInfo Info() const {
    FrameInfo info;
    info.trimmed.nodes.resize(impl_.schema_.node_types.size());
    info.trimmed.edges.resize(impl_.schema_.edge_types.size());
    for (size_t m = 0; m < micro_batches_.size(); ++m) {
      const MicroBatch& batch = micro_batches_[m];
      info.real.push_back(batch.real);
      if (impl_.sampler_ != nullptr) {
        AddTo(sampled_[m].trimmed.nodes, info.trimmed.nodes);
        AddTo(sampled_[m].trimmed.edges, info.trimmed.edges);
        continue;
      }
      for (size_t t = 0; t < batch.node_survivors.size(); ++t) {
        const Survivors& survivors = batch.node_survivors[t];
        if (!survivors.trimmed()) continue;
        info.trimmed.nodes[t] += survivors.stored_ptr.back() - batch.real.nodes[t];
      }
      for (size_t r = 0; r < batch.edge_survivors.size(); ++r) {
        const Survivors& survivors = batch.edge_survivors[r];
        if (!survivors.trimmed()) continue;
        info.trimmed.edges[r] += survivors.stored_ptr.back() - batch.real.edges[r];
      }
    }
    return info;
  }

  // Writes every byte of the slab.
  absl::Status Write(const std::vector<TensorPlace>& places, int64_t slab_bytes, std::byte* slab) {
    int64_t end = 0;
    for (size_t i = 0; i < places.size(); ++i) {
      std::memset(slab + end, 0, places[i].offset - end);
      end = places[i].offset + places[i].size_bytes;
      place_ = slab + places[i].offset;
      block_bytes_ = places[i].size_bytes / static_cast<int64_t>(micro_batches_.size());
      GF_RETURN_IF_ERROR(WriteTensor(impl_.tensors_[i]));
    }
    std::memset(slab + end, 0, slab_bytes - end);
    return absl::OkStatus();
  }

 private:
  static void AddTo(const std::vector<int64_t>& counts, std::vector<int64_t>& sums) {
    for (size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
  }

  // A sampled batch is one graph, a null one none.
  void StartSampled(const SampledBatch& sampled, MicroBatch& batch) const {
    const auto start = [&](size_t size, std::vector<int64_t>& ptr, int64_t& real) {
      real = static_cast<int64_t>(size);
      ptr.assign(1, 0);
      if (!sampled.null()) ptr.push_back(real);
    };
    const Subgraph& subgraph = sampled.subgraph;
    if (!sampled.null()) batch.graphs.push_back(0);
    batch.real = {};
    batch.real.graphs = batch.num_real_graphs();
    batch.real.seeds = static_cast<int64_t>(sampled.input_ids.size());
    const std::optional<ResolvedLinks>& links = impl_.spec_.sampling->links;
    if (links.has_value() && links->negative_mode != NegativeMode::kTriplet) {
      batch.real.labels = static_cast<int64_t>(sampled.label_source.size());
    }
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

  int64_t num_micro_batches() const { return static_cast<int64_t>(micro_batches_.size()); }
  // Where a micro-batch's part of the tensor at hand begins.
  std::byte* Block(int64_t micro_batch) const { return place_ + micro_batch * block_bytes_; }

  // Padded totals, or, of ragged frames, the real ones.
  int64_t NumGraphs() const {
    return impl_.spec_.fixed_size() ? impl_.spec_.options.num_graphs : real(0).graphs;
  }
  int64_t NumElements(Level level, int type) const {
    if (level == Level::kGraph) return NumGraphs();
    const MicroBatch& batch = micro_batches_[0];
    return level == Level::kNode ? batch.node_ptr[type].back() : batch.edge_ptr[type].back();
  }

  static int64_t NumReal(const MicroBatch& batch, Level level, int type) {
    if (level == Level::kGraph) return batch.real.graphs;
    return level == Level::kNode ? batch.real.nodes[type] : batch.real.edges[type];
  }

  absl::Status WriteTensor(const BatchTensor& tensor) {
    if (tensor.source == BatchTensor::Source::kColumn) return WriteColumn(tensor);
    if (tensor.source >= BatchTensor::Source::kNodeIds) {
      for (int64_t m = 0; m < num_micro_batches(); ++m) WriteSampled(tensor, m);
      return absl::OkStatus();
    }
    const int type = tensor.spec.type;
    for (int64_t m = 0; m < num_micro_batches(); ++m) {
      const MicroBatch& batch = micro_batches_[m];
      if (tensor.source == BatchTensor::Source::kMask) {
        const int64_t num_real = NumReal(batch, tensor.level, type);
        std::memset(Block(m), 1, num_real);
        std::memset(Block(m) + num_real, 0, block_bytes_ - num_real);
        continue;
      }
      const std::vector<int64_t>& ptr = PtrOf(batch, tensor);
      if (tensor.source == BatchTensor::Source::kOrdinals) {
        WriteOrdinals(tensor.spec.dtype, ptr.data(), NumGraphs(), Block(m));
      } else {
        WriteNumbers(tensor.spec.dtype, ptr.data(), NumGraphs() + 1, Block(m));
      }
    }
    return absl::OkStatus();
  }

  const std::vector<int64_t>& PtrOf(const MicroBatch& batch, const BatchTensor& tensor) {
    if (tensor.level == Level::kNode) return batch.node_ptr[tensor.spec.type];
    if (tensor.level == Level::kEdge) return batch.edge_ptr[tensor.spec.type];
    numbers_.resize(NumGraphs() + 1);
    for (int64_t g = 0; g <= NumGraphs(); ++g) numbers_[g] = g * tensor.rows_per_graph;
    return numbers_;
  }

  // What only sampled batches have: SampledBatch beside its columns.
  void WriteSampled(const BatchTensor& tensor, int64_t m) {
    using Source = BatchTensor::Source;
    const SampledBatch& sampled = sampled_[m];
    const MicroBatch& batch = micro_batches_[m];
    const DType dtype = tensor.spec.dtype;
    const int type = tensor.spec.type;
    const ResolvedOptions& options = impl_.spec_.options;
    const auto write = [&](const std::vector<int64_t>& values, int64_t size, double pad) {
      const RowWriter writer(DType::kInt64, dtype, 1, false, size);
      const auto count = static_cast<int64_t>(values.size());
      writer.Write(reinterpret_cast<const std::byte*>(values.data()), count, 0, Block(m));
      writer.Pad(pad, count, Block(m));
    };
    const auto places = [&](const std::vector<int32_t>& values, int64_t begin, int64_t size,
                            int64_t pad) {
      WritePlaces(dtype, values.data(), begin, static_cast<int64_t>(values.size()), pad,
                  begin + size, Block(m));
    };
    // Labels of padding point to the first padding node.
    const auto first_padding = [&](int node_type) { return batch.real.nodes[node_type]; };
    const int64_t num_seeds = impl_.spec_.fixed_size() ? impl_.spec_.batch_size : batch.real.seeds;
    switch (tensor.source) {
      case Source::kNodeIds:
        return write(sampled.subgraph.nodes[type], batch.node_ptr[type].back(),
                     IdPadValue(dtype, options.node_pad_value));
      case Source::kEdgeIds:
        return write(sampled.subgraph.edges[type].edge_id, batch.edge_ptr[type].back(),
                     IdPadValue(dtype, options.edge_pad_value));
      case Source::kInputIds:
        return write(sampled.input_ids, num_seeds, -1);
      case Source::kTrees:
        return places(sampled.subgraph.tree[type], 0, batch.node_ptr[type].back(), -1);
      default:
        break;
    }
    const ResolvedLinks& links = *impl_.spec_.sampling->links;
    const EdgeType& ends = impl_.schema_.edge_types[links.edge_type];
    const int64_t num_labels =
        impl_.spec_.fixed_size() ? links.NumLabels(num_seeds) : batch.real.labels;
    switch (tensor.source) {
      case Source::kLabelIndex:
        places(sampled.label_source, 0, num_labels, first_padding(ends.source));
        return places(sampled.label_target, num_labels, num_labels, first_padding(ends.target));
      case Source::kLabelSources:
        return places(sampled.label_source, 0, num_seeds, first_padding(ends.source));
      case Source::kLabelTargets:
        return places(sampled.label_target, 0, num_seeds, first_padding(ends.target));
      case Source::kNegativeTargets:
        return places(sampled.negative_target, 0, num_seeds * links.negatives_per_seed(),
                      first_padding(ends.target));
      case Source::kLabels:
        if (dtype == DType::kInt64) return write(sampled.labels, num_labels, 0);
        for (int64_t i = 0; i < num_labels; ++i) {
          reinterpret_cast<float*>(Block(m))[i] =
              i < batch.real.labels ? static_cast<float>(sampled.labels[i]) : 0;
        }
        return;
      default:  // kLabelMask
        std::memset(Block(m), 1, batch.real.labels);
        std::memset(Block(m) + batch.real.labels, 0, num_labels - batch.real.labels);
        return;
    }
  }

  // Node and edge columns of a sampled batch: rows by id.
  absl::Status WriteSampledColumn(const BatchTensor& tensor, const ColumnSchema& column,
                                  const RowWriter& writer) {
    for (int64_t m = 0; m < num_micro_batches(); ++m) {
      const Subgraph& subgraph = sampled_[m].subgraph;
      if (IsEdgeIndex(column)) {
        const Subgraph::Edges& edges = subgraph.edges[column.type];
        const auto count = static_cast<int64_t>(edges.source.size());
        const int64_t end = micro_batches_[m].edge_ptr[column.type].back();
        WritePlaces(tensor.spec.dtype, edges.source.data(), 0, count, 0, end, Block(m));
        WritePlaces(tensor.spec.dtype, edges.target.data(), end, count, 0, 2 * end, Block(m));
        continue;
      }
      const absl::Span<const int64_t> ids = column.level == Level::kNode
                                                ? subgraph.nodes[column.type]
                                                : subgraph.edges[column.type].edge_id;
      GF_RETURN_IF_ERROR(GatherIds(tensor, column, ids, writer, Block(m)));
    }
    return absl::OkStatus();
  }

  absl::Status GatherIds(const BatchTensor& tensor, const ColumnSchema& column,
                         absl::Span<const int64_t> ids, const RowWriter& writer, std::byte* block) {
    if (tensor.spec.dtype == column.dtype && !column.concat_last) {
      return features_.GatherRows(tensor.column, ids, block);
    }
    // Rows that change on their way, some at a time.
    constexpr size_t kRowsAtOnce = 4096;
    for (size_t first = 0; first < ids.size(); first += kRowsAtOnce) {
      const absl::Span<const int64_t> some = ids.subspan(first, kRowsAtOnce);
      rows_.resize(some.size() * static_cast<size_t>(column.row_bytes()));
      GF_RETURN_IF_ERROR(features_.GatherRows(tensor.column, some, rows_.data()));
      writer.Write(rows_.data(), static_cast<int64_t>(some.size()), static_cast<int64_t>(first),
                   block);
    }
    return absl::OkStatus();
  }

  absl::Status WriteColumn(const BatchTensor& tensor) {
    const ColumnSchema& column = impl_.schema_.columns[tensor.column];
    const int64_t rows_each = column.level == Level::kGraph ? column.rows_per_graph : 1;
    const int64_t num_rows = NumElements(column.level, column.type) * rows_each;
    const RowWriter writer(column.dtype, tensor.spec.dtype, column.row_elements(),
                           column.concat_last, num_rows);
    if (impl_.sampler_ != nullptr && column.level != Level::kGraph) {
      GF_RETURN_IF_ERROR(WriteSampledColumn(tensor, column, writer));
      if (impl_.spec_.fixed_size()) PadColumn(tensor, column, writer, rows_each);
      return absl::OkStatus();
    }
    const bool shifts = !column.index_types.empty();
    PlanGather(column, /*merge=*/!shifts);
    GF_RETURN_IF_ERROR(shifts ? GatherShifted(tensor.column, column, writer)
                              : GatherRows(tensor.column, writer));
    if (IsEdgeIndex(column)) RenumberEnds(tensor, column);
    if (impl_.spec_.fixed_size()) PadColumn(tensor, column, writer, rows_each);
    return absl::OkStatus();
  }

  // Which stored rows the column's tensor consists of.
  void PlanGather(const ColumnSchema& column, bool merge) {
    gather_.Clear();
    for (int64_t m = 0; m < num_micro_batches(); ++m) {
      const MicroBatch& batch = micro_batches_[m];
      if (column.level == Level::kGraph) {
        const int64_t rows = column.rows_per_graph;
        for (int64_t g = 0; g < batch.num_real_graphs(); ++g) {
          gather_.Add({batch.graphs[g] * rows, rows}, {m, g, g * rows}, merge);
        }
        continue;
      }
      const bool nodes = column.level == Level::kNode;
      const absl::Span<const int64_t> stored =
          nodes ? impl_.offsets_.node_ptr[column.type] : impl_.offsets_.edge_ptr[column.type];
      const std::vector<int64_t>& ptr =
          nodes ? batch.node_ptr[column.type] : batch.edge_ptr[column.type];
      const Survivors& survivors =
          nodes ? batch.node_survivors[column.type] : batch.edge_survivors[column.type];
      for (int64_t g = 0; g < batch.num_real_graphs(); ++g) {
        const int64_t first = stored[batch.graphs[g]];
        if (survivors.trimmed()) {
          AddSurvivors(survivors, first, {m, g, ptr[g]});
        } else {
          gather_.Add({first, ptr[g + 1] - ptr[g]}, {m, g, ptr[g]}, merge);
        }
      }
    }
  }

  // The runs of rows that a trimmed graph keeps.
  void AddSurvivors(const Survivors& survivors, int64_t first, Destination destination) {
    const int64_t begin = survivors.stored_ptr[destination.graph];
    const int64_t end = survivors.stored_ptr[destination.graph + 1];
    for (int64_t i = begin; i < end;) {
      int64_t stop = i;
      while (stop < end && survivors.keep[stop] != 0) ++stop;
      gather_.Add({first + i - begin, stop - i}, destination, /*merge=*/false);
      destination.row += stop - i;
      i = stop == i ? i + 1 : stop;
    }
  }

  absl::Status GatherRows(int column, const RowWriter& writer) {
    return features_.VisitRows(
        column, gather_.ranges,
        [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          const Destination& to = gather_.destinations[range];
          writer.Write(rows, count, to.row + offset, Block(to.micro_batch));
        });
  }

  absl::Status GatherShifted(int index, const ColumnSchema& column, const RowWriter& writer) {
    const int64_t elements = column.row_elements();
    // Nearly always two: edge_index.
    constexpr int64_t kFew = 8;
    int64_t few[kFew];
    if (elements > kFew) numbers_.resize(elements);
    int64_t* shift = elements > kFew ? numbers_.data() : few;
    return features_.VisitRows(
        index, gather_.ranges,
        [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          const Destination& to = gather_.destinations[range];
          const MicroBatch& batch = micro_batches_[to.micro_batch];
          for (int64_t j = 0; j < elements; ++j) {
            const int type = column.index_types[column.index_types.size() == 1 ? 0 : j];
            shift[j] = batch.node_ptr[type][to.graph];
          }
          writer.WriteShifted(rows, count, to.row + offset, shift, Block(to.micro_batch));
        });
  }

  // Edges of trimmed nodes were written with their ends' stored numbers.
  void RenumberEnds(const BatchTensor& tensor, const ColumnSchema& column) {
    const EdgeType& type = impl_.schema_.edge_types[column.type];
    const auto size = static_cast<int64_t>(SizeOf(tensor.spec.dtype));
    for (int64_t m = 0; m < num_micro_batches(); ++m) {
      const MicroBatch& batch = micro_batches_[m];
      const std::vector<int64_t>& edge_ptr = batch.edge_ptr[column.type];
      std::byte* row = Block(m);
      for (const int node_type : {type.source, type.target}) {
        const Survivors& survivors = batch.node_survivors[node_type];
        for (int64_t g = 0; survivors.trimmed() && g < batch.num_real_graphs(); ++g) {
          Renumber(tensor.spec.dtype, survivors.new_id.data() + survivors.stored_ptr[g],
                   batch.node_ptr[node_type][g], edge_ptr[g], edge_ptr[g + 1], row);
        }
        row += edge_ptr.back() * size;
      }
    }
  }

  void PadColumn(const BatchTensor& tensor, const ColumnSchema& column, const RowWriter& writer,
                 int64_t rows_each) {
    for (int64_t m = 0; m < num_micro_batches(); ++m) {
      const MicroBatch& batch = micro_batches_[m];
      if (IsEdgeIndex(column)) {
        PadEdgeIndex(batch, tensor, column.type, Block(m));
        continue;
      }
      const int64_t num_real = NumReal(batch, column.level, column.type) * rows_each;
      if (column.non_tensor) {
        PadNonTensor(tensor, column, writer, num_real, Block(m));
      } else {
        writer.Pad(PadValue(column, impl_.spec_.options), num_real, Block(m));
      }
    }
  }

  // The default that the user gave, or the first real graph's value, or 0 where there is none.
  void PadNonTensor(const BatchTensor& tensor, const ColumnSchema& column, const RowWriter& writer,
                    int64_t num_real, std::byte* block) {
    const auto& defaults = impl_.spec_.options.pad_graph_defaults;
    if (const auto it = defaults.find(column.name); it != defaults.end()) {
      writer.Pad(it->second, num_real, block);
    } else if (num_real == 0) {
      writer.Pad(0, 0, block);
    } else {
      const auto size = static_cast<int64_t>(SizeOf(tensor.spec.dtype));
      for (int64_t g = num_real; g < NumGraphs(); ++g) {
        std::memcpy(block + g * size, block, size);
      }
    }
  }

  // Self-loops on the first node of their own padding graph, or of the nearest earlier one that
  // has a node. The earlier ones have the nodes: the first ones get one more.
  void PadEdgeIndex(const MicroBatch& batch, const BatchTensor& tensor, int edge_type,
                    std::byte* block) {
    const EdgeType& type = impl_.schema_.edge_types[edge_type];
    const std::vector<int64_t>& edge_ptr = batch.edge_ptr[edge_type];
    const int64_t num_real = batch.num_real_graphs();
    const auto first_node = [&](int node_type, int64_t padding_graph) {
      const std::vector<int64_t>& node_ptr = batch.node_ptr[node_type];
      const int64_t padding_nodes = node_ptr.back() - node_ptr[num_real];
      return node_ptr[num_real + std::min(padding_graph, padding_nodes - 1)];
    };
    for (int64_t p = 0; num_real + p < NumGraphs(); ++p) {
      const int64_t begin = edge_ptr[num_real + p];
      const int64_t end = edge_ptr[num_real + p + 1];
      if (begin == end) continue;
      WriteEdges(tensor.spec.dtype, first_node(type.source, p), first_node(type.target, p), begin,
                 end, edge_ptr.back(), block);
    }
  }

  const Impl& impl_;
  FeatureStore& features_;
  std::vector<MicroBatch>& micro_batches_;
  std::vector<SampledBatch>& sampled_;
  Gather& gather_;
  std::vector<int64_t>& numbers_;
  std::vector<std::byte>& rows_;
  std::byte* place_ = nullptr;  // of the tensor at hand
  int64_t block_bytes_ = 0;     // of one micro-batch of it
};

Collater::Collater(Layout layout, std::unique_ptr<Impl> impl)
    : layout_(std::move(layout)), impl_(std::move(impl)) {}

Collater::~Collater() = default;

absl::StatusOr<std::unique_ptr<Collater>> Collater::Create(
    const DatasetInfo& dataset, const GraphOffsets& offsets, const ResolvedSpec& spec,
    int64_t max_bytes, std::unique_ptr<const BatchSampler> sampler) {
  GF_CHECK((sampler != nullptr) == spec.sampling.has_value());
  GF_ASSIGN_OR_RETURN(Layout layout, MakeLayout(dataset.schema, spec, max_bytes));
  return std::unique_ptr<Collater>(new Collater(
      std::move(layout), std::make_unique<Impl>(dataset, offsets, spec, std::move(sampler))));
}

absl::StatusOr<FrameInfo> Collater::Collate(
    const EpochPlan& plan, uint64_t seed, int64_t ordinal, bool null_frame, FeatureStore& features,
    int64_t max_frame_bytes, absl::FunctionRef<std::byte*(int64_t size)> allocate) const {
  if (ordinal < 0 || (!null_frame && ordinal >= plan.num_frames())) {
    return absl::InvalidArgumentError(absl::StrCat("ordinal is ", ordinal, "; epoch ", plan.epoch(),
                                                   " has ", plan.num_frames(), " frames"));
  }
  Impl::Frame frame(*impl_, features, ThreadScratch());
  GF_RETURN_IF_ERROR(frame.Start(plan, seed, ordinal, null_frame));

  Placement ragged;
  if (layout_.ragged) {
    GF_ASSIGN_OR_RETURN(ragged, Place(layout_, frame.real(0), max_frame_bytes));
  }
  const std::vector<TensorPlace>& places = layout_.ragged ? ragged.places : layout_.places;
  const int64_t slab_bytes = layout_.ragged ? ragged.slab_bytes : layout_.slab_bytes;
  std::byte* slab = allocate(slab_bytes);
  if (slab == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a batch of ", slab_bytes, " bytes"));
  }
  GF_RETURN_IF_ERROR(frame.Write(places, slab_bytes, slab));

  FrameInfo info = frame.Info();
  info.epoch = plan.epoch();
  info.ordinal = ordinal;
  info.null_frame = null_frame;
  return info;
}

}  // namespace graphfeed
