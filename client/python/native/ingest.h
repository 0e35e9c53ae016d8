#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_INGEST_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_INGEST_H_

#include <pybind11/pybind11.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "client/python/native/errors.h"
#include "client/python/native/gil.h"
#include "client/python/native/process_local.h"
#include "storage/graph/graph_block.h"

namespace graphfeed::python {

// An IngestSpec with names where that has indices and enums.
struct PyIngestSpec {
  IngestSpec base;  // without what follows
  std::vector<std::tuple<std::string, std::string, std::string>> edge_types;
  std::map<std::string, std::string> kinds;
  std::vector<std::pair<std::string, pybind11::dict>> transforms;

  IngestSpec Resolve() const;
};

// An ingest as Python holds it. Not for several threads at once.
class IngestHandle {
 public:
  explicit IngestHandle(std::unique_ptr<GraphSink> stream) : stream_(std::move(stream)) {}
  IngestHandle(const IngestHandle&) = delete;
  IngestHandle& operator=(const IngestHandle&) = delete;
  ~IngestHandle() { Drop(); }

  GraphSink& Get() const {
    if (dropped_) Raise(absl::CancelledError("the ingest was cancelled"));
    return stream_.Get("the ingest");
  }

  // Cancels what has not been committed.
  void Drop() {
    dropped_ = true;
    std::unique_ptr<GraphSink> stream = stream_.Take();
    const GilReleased released;
    stream.reset();
  }

 private:
  ProcessLocal<GraphSink> stream_;
  bool dropped_ = false;
};

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_INGEST_H_
