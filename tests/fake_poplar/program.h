#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_PROGRAM_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fake_poplar {

// An executable of the fake: "FAKEPOPLAR1\n", then JSON with these members, by these names.
// What it was compiled from is a list of operations; the fake does them on the host.

struct StreamSpec {
  std::string name;
  std::string handle;
  std::string dtype;  // "F32", "S32", "U32", "BOOL"
  std::vector<std::int64_t> shape;
  std::size_t Bytes() const;
};

// A variable on the device. Replicas share it unless it is per replica.
struct Variable : StreamSpec {  // `handle` is unused
  bool per_replica = false;
  std::string upload;  // stream; "": none
  unsigned upload_program = 0;
  std::string download;
  unsigned download_program = 0;
};

struct Operation {
  // row(matrix of integers; index): one row
  // gather(x[n, f], index[m]): x[index]
  // segment_sum(x[m, f], index[m]; size): sums of the rows with the same index, [size, f]
  // matmul(a, b), add(a, b), add_bias(x[n, f], bias[f]), relu(x)
  // masked_cross_entropy(logits[n, c], labels[n], mask[n]): the mean over what the mask has, which
  // counts as 1 if it has nothing
  std::string op;
  std::vector<std::string> in;
  std::string out;
  std::int64_t index = 0;
  std::int64_t size = 0;
};

struct Output : StreamSpec {
  std::string keep;  // "all": after every iteration; "final": after the last one
};

struct Program {
  std::string package_hash;
  unsigned num_ipus = 1;
  std::int64_t replicas = 1;
  std::int64_t device_iterations = 1;
  std::int64_t buffering = 1;  // how many prefetches may be ahead
  unsigned main_program = 5;
  std::vector<Variable> variables;
  std::vector<StreamSpec> inputs;
  std::vector<Output> outputs;
  std::vector<Operation> operations;
  // Training: SGD on these variables with the mean of the replicas' gradients, after every
  // iteration. "": none.
  std::string loss;
  std::string learning_rate;  // a variable
  std::vector<std::string> parameters;
};

// Throws poplar::parse_error.
Program ParseProgram(const std::string& bytes);
std::string WriteProgram(const Program& program);

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_PROGRAM_H_
