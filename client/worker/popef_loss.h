#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_LOSS_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_LOSS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/worker/popef_model.h"

namespace graphfeed {

std::string TensorNames(const std::vector<PopefTensor>& tensors);  // "x, edge_index"

// The place of the loss among the outputs, as PopefOptions::loss says; nullopt if there is none,
// which only models that do not train may have.
absl::StatusOr<std::optional<size_t>> FindPopefLoss(const PopefModel& model,
                                                    const std::string& name);

// The mean over elements of a float dtype, of which there is at least one. If there is one for each
// micro-batch, only those of real ones count (StepInputs::real); nullopt if there are none.
std::optional<double> MeanOf(DType dtype, const std::vector<std::byte>& elements,
                             const std::vector<bool>& real);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_LOSS_H_
