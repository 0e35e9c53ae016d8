#ifndef GRAPHFEED_CLIENT_WORKER_PREDICTIONS_H_
#define GRAPHFEED_CLIENT_WORKER_PREDICTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/cpp/batch.h"
#include "client/worker/executor.h"
#include "proto/frame/batch_spec.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// What a model has said of each graph or node, put into their order, whatever batches they came in.
// Held in memory until the end of the epoch. Thread-compatible.
//
// For each output NAME there are NAME.npy, a row for each graph or node, and NAME.ids.npy, int64:
// which graph or node of the dataset a row is of, ascending. Rows are of nodes in batches of
// sampled neighbourhoods (the seeds), clusters and single graphs; of graphs, or of the nodes of
// graphs (ids repeat: they are the graphs'), in collections.
class Predictions {
 public:
  // `outputs` say what rows are; what they leave open is told by sizes. `collection`: batches are
  // of many graphs. Of `spec`: how they are made.
  Predictions(std::vector<ModelTensor> outputs, bool collection, const BatchSpec& spec)
      : outputs_(std::move(outputs)),
        collection_(collection),
        strategy_(spec.strategy),
        links_(spec.sampling.has_value() && spec.sampling->links.has_value()) {}

  // The outputs of a frame. FAILED_PRECONDITION for rows that cannot be told to be of graphs or
  // nodes, naming the output and its shape.
  absl::Status Add(const Batch& batch, const std::vector<OutputTensor>& outputs);

  // Before the work, so that it is not done in vain.
  static absl::Status MakeFolder(const std::string& folder);
  // Writes the files into `folder`, which must exist; `suffix` goes before ".npy".
  absl::Status Write(const std::string& folder, const std::string& suffix) const;
  int64_t num_rows() const;

 private:
  struct Rows {
    DType dtype = DType::kFloat32;
    std::vector<int64_t> row_shape;
    size_t row_bytes = 0;
    std::vector<int64_t> ids;
    std::vector<std::byte> data;
  };
  // Ids of the rows of micro-batch `m` from the first on that are of something real.
  absl::StatusOr<std::vector<int64_t>> Ids(const Batch& batch, size_t m,
                                           const OutputTensor& output) const;
  absl::StatusOr<std::vector<int64_t>> NodeIds(const Batch& batch, size_t m,
                                               const OutputTensor& output, size_t type) const;

  const std::vector<ModelTensor> outputs_;
  const bool collection_;
  const Strategy strategy_;
  const bool links_;                  // seeds are edges
  std::map<std::string, Rows> rows_;  // by output
};

// The bytes of a .npy file (version 1.0) before its data, in C order.
std::string NpyHeader(DType dtype, const std::vector<int64_t>& shape);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_PREDICTIONS_H_
