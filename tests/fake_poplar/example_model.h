#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_EXAMPLE_MODEL_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_EXAMPLE_MODEL_H_

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

#include "popef/Types.hpp"
#include "tests/fake_poplar/program.h"

namespace fake_poplar {

// A graph network as a PopEF file that only the fake runs, written as PopART writes its own:
//
//   h = relu(x @ w_self + segment_sum((x)[edge_index[0]], edge_index[1]) @ w_neighbour + b_hidden)
//   logits = (graphs == 0 ? h : segment_sum(h, batch)) @ w_out + b_out
//   loss = mean of cross_entropy(logits, y) over mask
//
// Inputs x F32[nodes, features], edge_index S32[2, edges], y S32, mask BOOL of [nodes], or of
// [graphs] and then batch S32[nodes] too; outputs loss F32[] and logits.
struct ExampleModel {
  std::int64_t nodes = 6;
  std::int64_t edges = 8;
  std::int64_t graphs = 0;
  std::int64_t features = 3;
  std::int64_t hidden = 4;
  std::int64_t classes = 2;
  std::int64_t replicas = 1;
  std::int64_t device_iterations = 1;
  std::int64_t buffering = 1;
  float learning_rate = 0.1F;
  bool trains = true;
  bool rng_state = false;         // U32[2] of each replica, which every iteration moves on
  std::string keep_loss = "all";  // or "final"
  std::string opaque;             // a blob as PopTorch adds one
  std::map<std::string, std::string> names;           // of anchors that are to be called otherwise
  std::map<std::string, std::vector<float>> weights;  // those that are not here are small numbers
  // Last changes: to break it.
  std::function<void(Program&, popef::Metadata&)> edit;
  std::function<bool(const std::string& weight)> stored;  // null: all values are in the file
};

// The parameters with their shapes: w_self, w_neighbour, b_hidden, w_out, b_out.
std::vector<StreamSpec> Parameters(const ExampleModel& model);

// The bytes of the PopEF file.
std::string WriteExampleModel(const ExampleModel& model);

// The members above as JSON, without the functions; what is left out is as above. Throws
// std::exception.
ExampleModel ExampleModelFromJson(std::istream& in);

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_EXAMPLE_MODEL_H_
