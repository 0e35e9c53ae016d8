#include "server/batching/graph_filler.h"

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "server/batching/columns.h"
#include "server/batching/graph_batch.h"
#include "server/batching/padding.h"
#include "server/batching/random.h"
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

// Memory of a thread, kept from frame to frame.
struct Scratch {
  std::vector<GraphBatch> batches;
  Gather gather;
  std::vector<int64_t> shift;
};

Scratch& ThreadScratch() {
  static thread_local Scratch scratch;
  return scratch;
}

void AddRemoved(const std::vector<Survivors>& survivors, const std::vector<int64_t>& real,
                std::vector<int64_t>& trimmed) {
  for (size_t i = 0; i < survivors.size(); ++i) {
    if (survivors[i].trimmed()) trimmed[i] += survivors[i].stored_ptr.back() - real[i];
  }
}

}  // namespace

class GraphFiller::GraphFrame final : public Filler::Frame {
 public:
  GraphFrame(const GraphFiller& filler, FeatureStore& features, Scratch& scratch)
      : schema_(filler.schema_),
        offsets_(filler.offsets_),
        features_(features),
        batches_(scratch.batches),
        gather_(scratch.gather),
        shift_(scratch.shift) {}

  const MicroBatch& batch(int64_t micro_batch) const override { return batches_[micro_batch]; }

  void AddTrimmed(Counts& trimmed) const override {
    for (const GraphBatch& batch : batches_) {
      AddRemoved(batch.node_survivors, batch.real.nodes, trimmed.nodes);
      AddRemoved(batch.edge_survivors, batch.real.edges, trimmed.edges);
    }
  }

  // Of columns only: batches of graphs have nothing else.
  absl::Status Write(const TensorBlocks& to) override {
    const int index = std::get<BatchTensor::Column>(to.tensor.source).index;
    const ColumnSchema& column = schema_.columns[index];
    const RowWriter writer = WriterOf(column, to.tensor.spec, batches_[0]);
    const bool shifts = !column.index_types.empty();
    PlanGather(index, /*merge=*/!shifts);
    GF_RETURN_IF_ERROR(shifts ? GatherShifted(index, writer, to) : GatherRows(index, writer, to));
    if (IsEdgeIndex(column)) RenumberEnds(column, to);
    return absl::OkStatus();
  }

 private:
  int64_t num_batches() const { return static_cast<int64_t>(batches_.size()); }

  // Which stored rows the column's tensor consists of.
  void PlanGather(int index, bool merge) {
    const ColumnSchema& column = schema_.columns[index];
    gather_.Clear();
    for (int64_t m = 0; m < num_batches(); ++m) {
      const GraphBatch& batch = batches_[m];
      if (column.level == Level::kGraph) {
        int64_t row = 0;
        for (int64_t g = 0; g < batch.real.graphs; ++g) {
          const RowRange rows = offsets_.RowsOf(schema_.columns, index, batch.graphs[g]);
          gather_.Add(rows, {m, g, row}, merge);
          row += rows.count;
        }
        continue;
      }
      const bool nodes = column.level == Level::kNode;
      const absl::Span<const int64_t> stored =
          nodes ? offsets_.node_ptr[column.type] : offsets_.edge_ptr[column.type];
      const std::vector<int64_t>& ptr =
          nodes ? batch.node_ptr[column.type] : batch.edge_ptr[column.type];
      const Survivors& survivors =
          nodes ? batch.node_survivors[column.type] : batch.edge_survivors[column.type];
      for (int64_t g = 0; g < batch.real.graphs; ++g) {
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

  absl::Status GatherRows(int index, const RowWriter& writer, const TensorBlocks& blocks) {
    return features_.VisitRows(
        index, gather_.ranges,
        [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          const Destination& to = gather_.destinations[range];
          writer.Write(rows, count, to.row + offset, blocks.block(to.micro_batch));
        });
  }

  absl::Status GatherShifted(int index, const RowWriter& writer, const TensorBlocks& blocks) {
    const ColumnSchema& column = schema_.columns[index];
    const int64_t elements = column.row_elements();
    // Nearly always two: edge_index.
    constexpr int64_t kFew = 8;
    int64_t few[kFew];
    if (elements > kFew) shift_.resize(elements);
    int64_t* shift = elements > kFew ? shift_.data() : few;
    return features_.VisitRows(
        index, gather_.ranges,
        [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          const Destination& to = gather_.destinations[range];
          const GraphBatch& batch = batches_[to.micro_batch];
          for (int64_t j = 0; j < elements; ++j) {
            const int type = column.index_types[column.index_types.size() == 1 ? 0 : j];
            shift[j] = batch.node_ptr[type][to.graph];
          }
          writer.WriteShifted(rows, count, to.row + offset, shift, blocks.block(to.micro_batch));
        });
  }

  // Edges of trimmed nodes were written with their ends' stored numbers.
  void RenumberEnds(const ColumnSchema& column, const TensorBlocks& to) {
    const EdgeType& type = schema_.edge_types[column.type];
    const DType dtype = to.tensor.spec.dtype;
    const auto size = static_cast<int64_t>(SizeOf(dtype));
    for (int64_t m = 0; m < num_batches(); ++m) {
      const GraphBatch& batch = batches_[m];
      const std::vector<int64_t>& edge_ptr = batch.edge_ptr[column.type];
      std::byte* row = to.block(m);
      for (const int node_type : {type.source, type.target}) {
        const Survivors& survivors = batch.node_survivors[node_type];
        for (int64_t g = 0; survivors.trimmed() && g < batch.real.graphs; ++g) {
          const absl::Span<const int64_t> new_id =
              absl::MakeConstSpan(survivors.new_id)
                  .subspan(survivors.stored_ptr[g],
                           survivors.stored_ptr[g + 1] - survivors.stored_ptr[g]);
          Renumber(dtype, new_id, batch.node_ptr[node_type][g], edge_ptr[g], edge_ptr[g + 1], row);
        }
        row += edge_ptr.back() * size;
      }
    }
  }

  const Schema& schema_;
  const GraphOffsets& offsets_;
  FeatureStore& features_;
  std::vector<GraphBatch>& batches_;
  Gather& gather_;
  std::vector<int64_t>& shift_;
};

GraphFiller::GraphFiller(const Schema& schema, const GraphOffsets& offsets,
                         const ResolvedSpec& spec)
    : schema_(schema), offsets_(offsets), spec_(spec), fitter_(schema, offsets, spec) {
  GF_CHECK(!spec.sampling.has_value());
}

absl::StatusOr<Filler::Frame*> GraphFiller::Start(const EpochPlan& plan, uint64_t seed,
                                                  int64_t ordinal, bool null_frame,
                                                  FeatureStore& features) const {
  Scratch& scratch = ThreadScratch();
  scratch.batches.resize(spec_.micro_batches);
  const CounterRandom random(seed, plan.epoch(), RandomPurpose::kTrim);
  for (int64_t m = 0; m < spec_.micro_batches; ++m) {
    GraphBatch& batch = scratch.batches[m];
    batch.batch = ordinal * spec_.micro_batches + m;
    batch.graphs.clear();
    if (!null_frame) plan.GraphsOf(batch.batch, batch.graphs);
    batch.Start(offsets_, spec_.row_columns);
    if (!spec_.fixed_size()) continue;
    GF_RETURN_IF_ERROR(fitter_.Fit(random, features, batch));
    batch.AddPadding(spec_.options);
  }
  static thread_local std::optional<GraphFrame> frame;
  return &frame.emplace(*this, features, scratch);
}

}  // namespace graphfeed
