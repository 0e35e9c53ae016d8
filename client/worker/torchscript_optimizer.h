#ifndef GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_OPTIMIZER_H_
#define GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_OPTIMIZER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/worker/model_interface.h"
#include "client/worker/torchscript_executor.h"
#include "torch/optim/optimizer.h"
#include "torch/script.h"

namespace graphfeed {

// An optimizer of the module's parameters, of which those of a group have its weight decay; the
// first group whose prefix fits counts. FAILED_PRECONDITION for a module without parameters,
// INVALID_ARGUMENT names a prefix that fits none.
absl::StatusOr<std::unique_ptr<torch::optim::Optimizer>> MakeOptimizer(
    const torch::jit::Module& module, const OptimizerOptions& options,
    const std::vector<ParameterGroup>& groups);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_TORCHSCRIPT_OPTIMIZER_H_
