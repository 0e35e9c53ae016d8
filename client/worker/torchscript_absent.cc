#include <memory>

#include "absl/status/status.h"
#include "client/worker/torchscript_executor.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<Executor>> NewTorchscriptExecutor(
    const TorchscriptOptions& /*options*/) {
  return absl::FailedPreconditionError(
      "this worker was built without libtorch (-DGRAPHFEED_WITH_TORCH=ON needs it)");
}

}  // namespace graphfeed
