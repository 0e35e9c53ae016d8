#ifndef GRAPHFEED_STORAGE_SWEEPER_H_
#define GRAPHFEED_STORAGE_SWEEPER_H_

#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Deletes columns on a thread of its own, which starts with the first: whoever closes the last
// reader of a deleted version may be a thread that must not wait for the store. Thread-safe.
class Sweeper {
 public:
  // `sweep` is called with what has been posted, one call at a time.
  explicit Sweeper(std::function<void(const std::vector<uint64_t>&)> sweep)
      : sweep_(std::move(sweep)) {}
  // Sweeps what is left.
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  void Post(const std::vector<uint64_t>& columns);

 private:
  void Run();

  const std::function<void(const std::vector<uint64_t>&)> sweep_;
  Mutex mu_;
  CondVar changed_;
  std::vector<uint64_t> columns_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SWEEPER_H_
