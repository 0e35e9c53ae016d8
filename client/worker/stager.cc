#include "client/worker/stager.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/worker/conversion.h"
#include "storage/base/aligned_memory.h"

namespace graphfeed {
namespace {

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

// What the tensors of a step point into.
struct StepMemory {
  Batch batch;
  std::vector<std::unique_ptr<std::byte, Free>> converted;
};

bool Takes(const std::vector<int64_t>& wanted, const std::vector<int64_t>& shape) {
  if (wanted.size() != shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (wanted[i] >= 0 && wanted[i] != shape[i]) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<StepInputs> Stager::Stage(const Batch& batch) const {
  const Layout& layout = batch.layout();
  const int64_t k = layout.micro_batches;
  auto memory = std::make_shared<StepMemory>(StepMemory{batch, {}});  // shared with the step
  StepInputs step;
  step.num_batches = k;
  for (const Counts& real : batch.info().real) {
    step.real.push_back(!batch.info().null_frame && real.graphs > 0);
  }
  for (size_t i = 0; i < binding_.inputs.size(); ++i) {
    const Binding::Input& input = binding_.inputs[i];
    if (input.tensor < 0) {
      step.tensors.emplace_back();
      continue;
    }
    const TensorPlace& place = batch.placement().places[input.tensor];
    const TensorView view = batch.tensor(input.tensor);
    HostTensor tensor{.data = view.data,
                      .dtype = view.dtype,
                      .shape = MicroBatchShape(place, k),
                      .size_bytes = static_cast<size_t>(place.size_bytes / k)};
    if (binding_.shapes[i].has_value() && !Takes(*binding_.shapes[i], tensor.shape)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "input ", model_.inputs[i].name, ": the batch has [", absl::StrJoin(tensor.shape, ", "),
          "], the model takes [", absl::StrJoin(*binding_.shapes[i], ", "), "]"));
    }
    if (input.dtype.has_value()) {
      const size_t count = static_cast<size_t>(place.size_bytes) / SizeOf(view.dtype);
      const size_t bytes = count * SizeOf(*input.dtype);
      std::unique_ptr<std::byte, Free> converted(
          static_cast<std::byte*>(AllocateAligned(bytes == 0 ? 1 : bytes)));
      if (converted == nullptr) {
        return absl::ResourceExhaustedError(
            absl::StrCat("no ", bytes, " bytes for input ", model_.inputs[i].name));
      }
      if (absl::Status status =
              Convert(view.dtype, *input.dtype, count, view.data, converted.get());
          !status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat("input ", model_.inputs[i].name, ", ",
                                         DTypeName(*input.dtype), ": ", status.message()));
      }
      tensor.data = converted.get();
      tensor.dtype = *input.dtype;
      tensor.size_bytes = bytes / static_cast<size_t>(k);
      memory->converted.push_back(std::move(converted));
    }
    step.tensors.push_back(std::move(tensor));
  }
  step.memory = std::move(memory);
  return step;
}

}  // namespace graphfeed
