#ifndef GRAPHFEED_CLIENT_WORKER_MODEL_INTERFACE_H_
#define GRAPHFEED_CLIENT_WORKER_MODEL_INTERFACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/worker/executor.h"

namespace graphfeed {

// Parameters whose names begin so have a weight decay of their own.
struct ParameterGroup {
  std::string prefix;
  double weight_decay = 0;
};

// What a model's file says about the model, as JSON (torchscript_executor.h shows it).
struct ModelInterface {
  std::vector<ModelTensor> inputs;
  std::vector<ModelTensor> outputs;
  std::vector<ParameterGroup> groups;
};

// INVALID_ARGUMENT names the field.
absl::StatusOr<ModelInterface> ParseModelInterface(const std::string& text);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_MODEL_INTERFACE_H_
