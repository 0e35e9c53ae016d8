#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_TAPE_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_TAPE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/fake_poplar/program.h"

namespace fake_poplar {

// A tensor within an iteration: numbers as floats or as integers, and the loss's derivative.
struct Value {
  std::vector<std::int64_t> shape;
  std::vector<float> floats;
  std::vector<std::int32_t> integers;
  std::vector<float> gradient;
};
using Values = std::map<std::string, Value>;

// Both throw poplar::application_runtime_error for operations that do not fit.
void Forward(const std::vector<Operation>& operations, Values& values);
// From the derivative 1 of `loss` to the gradients of all others.
void Backward(const std::vector<Operation>& operations, const std::string& loss, Values& values);

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_TAPE_H_
