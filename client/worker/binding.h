#ifndef GRAPHFEED_CLIENT_WORKER_BINDING_H_
#define GRAPHFEED_CLIENT_WORKER_BINDING_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/worker/executor.h"
#include "proto/frame/layout.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// The name under which a model takes a batch's tensor: "x"; of heterogeneous batches
// "movie__x" and "movie__to__director__edge_index". What a name in a program cannot hold is "_".
std::string FieldName(const TensorSpec& tensor);

// Which tensor of the batches each of the model's inputs is.
struct Binding {
  struct Input {
    int tensor = -1;             // of the layout; -1: left out
    std::optional<DType> dtype;  // what it is converted to; nullopt: as it is
  };
  std::vector<Input> inputs;                                // by ModelDescription::inputs
  std::vector<std::optional<std::vector<int64_t>>> shapes;  // what the model wants, likewise
};

// By name, or as `fields` says: FieldName by input. FAILED_PRECONDITION with all inputs and what
// the batches have side by side when a name is missing, a dtype cannot be converted or a shape is
// another one. Where shapes differ from frame to frame (ragged layouts), sizes are not compared.
absl::StatusOr<Binding> Bind(const ModelDescription& model, const Layout& layout,
                             const std::map<std::string, std::string>& fields);

// The shape of one micro-batch of `tensor`, of a frame with `micro_batches`.
std::vector<int64_t> MicroBatchShape(const TensorPlace& place, int64_t micro_batches);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_BINDING_H_
