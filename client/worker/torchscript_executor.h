#ifndef GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_EXECUTOR_H_
#define GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/worker/executor.h"

namespace graphfeed {

// As torch.optim's of the same names.
struct OptimizerOptions {
  enum class Kind : uint8_t { kSgd, kAdam, kAdamW };
  Kind kind = Kind::kAdam;
  double learning_rate = 1e-3;
  double weight_decay = 0;
  double momentum = 0;  // kSgd
  bool nesterov = false;
  double beta1 = 0.9;  // the others
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

struct TorchscriptOptions {
  std::string model;   // a TorchScript archive (.pt): code, so only from whom one trusts
  std::string sha256;  // of the file, if not empty
  bool train = false;
  OptimizerOptions optimizer;
  int64_t accumulate = 0;  // micro-batches whose gradients make one update; 0: all of a frame
  int num_threads = 0;     // that libtorch uses; 0: its choice
  uint64_t seed = 0;       // of dropout and the like
};

// Runs TorchScript on the CPU by libtorch.
//
// Inputs are forward's arguments by name. What their dtypes and shapes are, and what the rows of
// the outputs, the archive may say itself in an extra file `graphfeed.json`:
//
//   {"inputs":  [{"name": "x", "dtype": "float32", "shape": [null, 7]}],
//    "outputs": [{"name": "out", "axis": "graphs"}],
//    "param_groups": [{"prefix": "conv1.", "weight_decay": 5e-4}]}
//
// forward returns a dict of tensors, or one tensor ("out"). Training takes "loss", a scalar: its
// mean over `accumulate` micro-batches is differentiated. A loss that is not finite changes
// nothing: it is returned as it is.
//
// INVALID_ARGUMENT for what is no such archive, NOT_FOUND, FAILED_PRECONDITION for another hash.
absl::StatusOr<std::unique_ptr<Executor>> NewTorchscriptExecutor(const TorchscriptOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_EXECUTOR_H_
