#ifndef GRAPHFEED_CLIENT_WORKER_STAGER_H_
#define GRAPHFEED_CLIENT_WORKER_STAGER_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/batch.h"
#include "client/worker/binding.h"
#include "client/worker/executor.h"

namespace graphfeed {

// Makes a batch what a model takes. Tensors of the right dtype stay where they are; others are
// converted into memory of the step. Thread-compatible.
class Stager {
 public:
  Stager(const ModelDescription& model, Binding binding)
      : model_(model), binding_(std::move(binding)) {}

  // OUT_OF_RANGE names the input and the value that its dtype cannot hold; FAILED_PRECONDITION a
  // shape of a ragged batch that the model does not take; RESOURCE_EXHAUSTED if there is no memory.
  absl::StatusOr<StepInputs> Stage(const Batch& batch) const;

 private:
  const ModelDescription& model_;
  const Binding binding_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_STAGER_H_
