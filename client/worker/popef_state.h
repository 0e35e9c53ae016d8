#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_STATE_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_STATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/worker/popef_model.h"

namespace graphfeed {

// The values of a model's weights as bytes. Integers are 64 bits, little-endian, texts are their
// length and their bytes:
//
//   "GFPOPEF1" | tensors | { name | type | rank, sizes | text with the value } ... | digest
//
// type is PopEF's name ("F32"); the sizes are one replica's; values are as the device streams them,
// all replicas one after the other if each has its own; the digest is XXH3-128 of all before it.
std::string WritePopefState(const PopefModel& model, const std::vector<std::string>& values);

// The values in the order of `model.weights`. Errors of class "state" name what differs: every
// weight of the model must be there, with its type and shape, and no other.
absl::StatusOr<std::vector<std::string>> ReadPopefState(const PopefModel& model,
                                                        const std::string& state);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_STATE_H_
