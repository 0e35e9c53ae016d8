#include "server/batching/collater.h"

#include <cstring>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/batching/micro_batch.h"
#include "server/batching/padding.h"
#include "server/batching/row_writer.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Where the elements that a tensor counts begin, graph by graph; `of_rows` is memory for it.
const std::vector<int64_t>& PtrOf(const BatchTensor& tensor, const MicroBatch& batch,
                                  std::vector<int64_t>& of_rows) {
  if (tensor.level == Level::kNode) return batch.node_ptr[tensor.spec.type];
  if (tensor.level == Level::kEdge) return batch.edge_ptr[tensor.spec.type];
  if (tensor.rows_per_graph == ColumnSchema::kVarying) return batch.row_ptr[tensor.spec.type];
  of_rows.resize(batch.num_graphs + 1);
  for (int64_t g = 0; g <= batch.num_graphs; ++g) of_rows[g] = g * tensor.rows_per_graph;
  return of_rows;
}

void WriteStructure(BatchTensor::Structure structure, const BatchTensor& tensor,
                    const MicroBatch& batch, int64_t block_bytes, std::byte* block) {
  std::vector<int64_t> of_rows;
  switch (structure) {
    case BatchTensor::Structure::kOrdinals:
      return WriteOrdinals(tensor.spec.dtype, PtrOf(tensor, batch, of_rows).data(),
                           batch.num_graphs, block);
    case BatchTensor::Structure::kPtr:
      return WriteNumbers(tensor.spec.dtype, PtrOf(tensor, batch, of_rows).data(),
                          batch.num_graphs + 1, block);
    case BatchTensor::Structure::kMask: {
      const int64_t num_real = batch.NumReal(tensor.level, tensor.spec.type);
      std::memset(block, 1, num_real);
      std::memset(block + num_real, 0, block_bytes - num_real);
      return;
    }
  }
}

}  // namespace

Collater::Collater(const Schema& schema, const ResolvedSpec& spec, Layout layout,
                   std::unique_ptr<const Filler> filler)
    : schema_(schema),
      spec_(spec),
      layout_(std::move(layout)),
      tensors_(BatchTensors(schema, spec)),
      filler_(std::move(filler)) {}

absl::StatusOr<std::unique_ptr<Collater>> Collater::Create(const Schema& schema,
                                                           const ResolvedSpec& spec,
                                                           int64_t max_bytes,
                                                           std::unique_ptr<const Filler> filler) {
  GF_ASSIGN_OR_RETURN(Layout layout, MakeLayout(schema, spec, max_bytes));
  return std::unique_ptr<Collater>(
      new Collater(schema, spec, std::move(layout), std::move(filler)));
}

absl::Status Collater::Collate(const EpochPlan& plan, uint64_t seed, int64_t ordinal,
                               bool null_frame, FeatureStore& features, int64_t max_frame_bytes,
                               absl::FunctionRef<std::byte*(int64_t size)> allocate,
                               FrameInfo& info) const {
  if (ordinal < 0 || (!null_frame && ordinal >= plan.num_frames())) {
    return absl::InvalidArgumentError(absl::StrCat("ordinal is ", ordinal, "; epoch ", plan.epoch(),
                                                   " has ", plan.num_frames(), " frames"));
  }
  GF_ASSIGN_OR_RETURN(Filler::Frame* const frame,
                      filler_->Start(plan, seed, ordinal, null_frame, features));

  Placement ragged;
  if (layout_.ragged) {
    GF_ASSIGN_OR_RETURN(ragged, Place(layout_, frame->batch(0).real, max_frame_bytes));
  }
  const std::vector<TensorPlace>& places = layout_.ragged ? ragged.places : layout_.places;
  const int64_t slab_bytes = layout_.ragged ? ragged.slab_bytes : layout_.slab_bytes;
  std::byte* slab = allocate(slab_bytes);
  if (slab == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a batch of ", slab_bytes, " bytes"));
  }
  GF_ASSIGN_OR_RETURN(info.digest, Fill(places, slab_bytes, slab, *frame));
  info.epoch = plan.epoch();
  info.ordinal = ordinal;
  info.null_frame = null_frame;
  info.repeat = false;
  info.real.resize(spec_.micro_batches);
  for (int64_t m = 0; m < spec_.micro_batches; ++m) info.real[m] = frame->batch(m).real;
  info.trimmed.Clear(schema_.node_types.size(), schema_.edge_types.size(),
                     spec_.row_columns.size());
  frame->AddTrimmed(info.trimmed);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Collater::Fill(const std::vector<TensorPlace>& places, int64_t slab_bytes,
                                        std::byte* slab, Filler::Frame& frame) const {
  RunningDigest digest(slab);
  int64_t end = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    std::memset(slab + end, 0, places[i].offset - end);
    end = places[i].offset + places[i].size_bytes;
    GF_RETURN_IF_ERROR(FillTensor({.tensor = tensors_[i],
                                   .begin = slab + places[i].offset,
                                   .block_bytes = places[i].size_bytes / spec_.micro_batches,
                                   .digest = &digest},
                                  frame));
    digest.Advance(slab + end);
  }
  std::memset(slab + end, 0, slab_bytes - end);
  digest.Advance(slab + slab_bytes);
  return digest.Finish();
}

absl::Status Collater::FillTensor(const TensorBlocks& to, Filler::Frame& frame) const {
  const BatchTensor& tensor = to.tensor;
  if (const auto* structure = std::get_if<BatchTensor::Structure>(&tensor.source)) {
    for (int64_t m = 0; m < spec_.micro_batches; ++m) {
      WriteStructure(*structure, tensor, frame.batch(m), to.block_bytes, to.block(m));
    }
    return absl::OkStatus();
  }
  GF_RETURN_IF_ERROR(frame.Write(to));
  const auto* column = std::get_if<BatchTensor::Column>(&tensor.source);
  if (column == nullptr || !spec_.fixed_size()) return absl::OkStatus();
  for (int64_t m = 0; m < spec_.micro_batches; ++m) {
    PadColumn(schema_, spec_.options, schema_.columns[column->index], tensor.spec, frame.batch(m),
              to.block(m));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
