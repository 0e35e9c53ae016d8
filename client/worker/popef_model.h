#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_MODEL_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// A tensor that passes between host and device in a stream.
struct PopefTensor {
  std::string name;
  std::string handle;  // of the stream
  std::string type;    // PopEF's name: "F32", "S32"
  std::optional<DType> dtype;
  std::vector<int64_t> shape;  // of one replica
  size_t size_bytes = 0;       // of one replica
  bool per_replica = false;    // each replica has a value of its own
};

// What a PopEF file says, checked as far as it can be without a device.
struct PopefModel {
  int64_t replicas = 1;
  int64_t device_iterations = 1;
  int64_t num_ipus = 1;
  int64_t ipu_version = 0;
  bool trains = false;
  std::map<std::string, std::string> engine_options;
  std::map<std::string, std::string> device_options;
  std::vector<uint32_t> load_programs, main_programs, save_programs;  // in their order

  std::vector<PopefTensor> inputs, outputs;  // of the main programs
  std::vector<PopefTensor> weights;          // inputs of the load programs
  std::vector<std::string> weight_values;    // of `weights`; replicas one after the other
  std::vector<PopefTensor> saved;            // outputs of the save programs

  std::string sha256;  // of the files' bytes, one after the other
  // The executable's bytes, as often as one likes. Throws what the SDK throws.
  std::function<std::unique_ptr<std::istream>()> open_executable;
};

// Errors have class "model" (popef_executor.h) and name the file and the tensor.
absl::StatusOr<PopefModel> ReadPopefModel(const std::vector<std::string>& files, uint64_t seed);

// Bytes of all replicas' values.
size_t ValueBytes(const PopefModel& model, const PopefTensor& tensor);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_MODEL_H_
