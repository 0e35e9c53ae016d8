#ifndef FAKE_POPLAR_POPLAR_STREAMCALLBACK_HPP
#define FAKE_POPLAR_POPLAR_STREAMCALLBACK_HPP

namespace poplar {

// For a copy to the device: the data of the oldest prefetch that succeeded and has not arrived, or
// else of fetch; then complete. Prefetches are speculative.
class StreamCallback {
 public:
  enum class Result { Success, NotAvailable };
  virtual ~StreamCallback() = default;
  virtual Result prefetch(void* buffer) = 0;
  virtual void fetch(void* buffer) = 0;
  virtual void complete() = 0;
  virtual void invalidatePrefetched() {}
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_STREAMCALLBACK_HPP
