#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_HANDLES_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_HANDLES_H_

// What Python holds of the client's objects.

#include <memory>
#include <optional>
#include <utility>

#include "client/cpp/client.h"
#include "client/python/native/errors.h"
#include "client/python/native/gil.h"
#include "client/python/native/process_local.h"

namespace graphfeed::python {

// A batch. The memory of one that a forked child inherits stays valid there, but is not returned
// to the parent's pool, whose lock may be held for ever.
class BatchHandle {
 public:
  explicit BatchHandle(Batch batch) : batch_(std::make_unique<Batch>(std::move(batch))) {}
  BatchHandle(BatchHandle&&) noexcept = default;

  const Batch& get() const { return batch_.GetInherited(); }

 private:
  ProcessLocal<Batch> batch_;
};

// A stream.
class StreamHandle {
 public:
  explicit StreamHandle(std::unique_ptr<BatchStream> stream) : stream_(std::move(stream)) {}
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  ~StreamHandle() {
    std::unique_ptr<BatchStream> stream = stream_.Take();
    const GilReleased released;  // waits for the reader thread
    stream.reset();
  }

  StreamInfo Info() {
    return *Blocking([&stream = Get()] { return stream.info(); });
  }

  std::optional<Batch> Next() {
    return Blocking([&stream = Get()] { return stream.Next(); });
  }

  EpochInfo Epoch() {
    return Blocking([&stream = Get()] { return stream.epoch(); });
  }

  void Cancel() {
    BatchStream& stream = Get();
    const GilReleased released;
    stream.Cancel();
  }

 private:
  BatchStream& Get() const { return stream_.Get("the stream"); }

  ProcessLocal<BatchStream> stream_;
};

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_HANDLES_H_
