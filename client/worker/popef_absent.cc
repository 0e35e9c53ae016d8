// In place of the other popef_*.cc where there is no Poplar SDK.

#include "client/worker/popef_executor.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<Executor>> NewPopefExecutor(const PopefOptions& /*options*/) {
  return ExecutorError(ErrorAction::kExit, "absent", absl::StatusCode::kFailedPrecondition,
                       "built without the Poplar SDK: PopEF models cannot be run; build with "
                       "-DGRAPHFEED_WITH_POPLAR=ON");
}

}  // namespace graphfeed
