#ifndef GRAPHFEED_CLIENT_WORKER_EXECUTOR_H_
#define GRAPHFEED_CLIENT_WORKER_EXECUTOR_H_

// The seam between a worker and what runs compiled models. C++17 and without gRPC, so that an
// executor can be compiled with the toolchain of an accelerator's SDK.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// What a worker does about an executor's error.
enum class ErrorAction : uint8_t {
  kRetry,  // nothing was changed: run the same step again
  kReset,  // what the device held is lost: Reset, LoadState, and the batches since then again
  kExit,   // this process can do no more: hand the batches back and leave
};

// A status that says what to do. `error_class` is one of few words ("recoverable_ipu_reset",
// "attach_timeout"): the label under which such errors are counted.
absl::Status ExecutorError(ErrorAction action, absl::string_view error_class, absl::StatusCode code,
                           absl::string_view message);
ErrorAction ActionOf(const absl::Status& status);      // kExit for any other status
std::string ErrorClassOf(const absl::Status& status);  // "other" for any other status

// A tensor that a model takes or gives.
struct ModelTensor {
  std::string name;
  std::optional<DType> dtype = std::nullopt;  // nullopt: any; a worker converts what it can
  std::optional<std::vector<int64_t>> shape =
      std::nullopt;        // of one micro-batch, -1: any size; nullopt: any
  bool optional = false;   // an input that may be left out
  std::string axis = {};   // of an output, what its rows are: "graphs", "nodes"; empty: not known
  std::string store = {};  // with "nodes": the node type; empty: the only one
};

// What a compiled model is and what it asks for.
struct ModelDescription {
  std::string runtime;  // "torchscript", "poplar", "fake-poplar"
  std::string runtime_version;
  std::string sha256;            // of the model's file, 64 hexadecimal digits
  bool trains = false;           // a step changes the weights and gives a loss
  int64_t batches_per_step = 0;  // micro-batches that one step consumes; 0: as many as a frame has
  std::vector<ModelTensor> inputs;
  std::vector<ModelTensor> outputs;  // empty: known after the first step
};

// An input of a step: `num_batches` micro-batches of one shape, one after the other without gaps.
struct HostTensor {
  const std::byte* data = nullptr;  // 64-byte aligned
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;  // of one micro-batch
  size_t size_bytes = 0;       // of one micro-batch
};

struct StepInputs {
  int64_t num_batches = 1;
  std::vector<bool> real;              // by micro-batch: not all of it is padding; empty: all are
  std::vector<HostTensor> tensors;     // as ModelDescription::inputs; data null: left out
  std::shared_ptr<const void> memory;  // what the tensors point into; shared with the batch
};

// An output of a step, all micro-batches one after the other.
struct OutputTensor {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;  // of one micro-batch
  std::vector<std::byte> data;
};

struct StepResult {
  std::optional<double> loss;         // the mean over the real micro-batches; none: there were none
  std::vector<OutputTensor> outputs;  // without the loss; empty when training
  double device_seconds = 0;          // of the step, on the device
};

// Runs one compiled model. All calls come from one thread, but for description(), which is fixed.
// Errors say what to do (ExecutorError).
class Executor {
 public:
  virtual ~Executor() = default;

  virtual const ModelDescription& description() const = 0;
  // Acquires the device and puts the model there, with the weights that its file holds. Before
  // anything else; again after Reset.
  virtual absl::Status Load() = 0;
  // One step. `next`, if not null, is the step that Run will certainly be called with next: an
  // executor may read it ahead. Both stay alive until the call after next has begun.
  virtual absl::StatusOr<StepResult> Run(const StepInputs& step, const StepInputs* next) = 0;
  // Weights and the optimizer's state as bytes that only the same executor reads.
  virtual absl::StatusOr<std::string> SaveState() = 0;
  virtual absl::Status LoadState(const std::string& state) = 0;
  // After an error with kReset: lets go of what the device held. Then Load and LoadState.
  virtual absl::Status Reset() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_EXECUTOR_H_
