#ifndef GRAPHFEED_STORAGE_BASE_STOP_SIGNAL_H_
#define GRAPHFEED_STORAGE_BASE_STOP_SIGNAL_H_

#include <csignal>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// SIGTERM and SIGINT, and SIGHUP, which does not end a process that takes it. A process that serves
// is told of them; one that is still starting is ended by them, since a start may wait for a disk
// as long as that likes. Make it before any thread starts: all inherit that these signals are
// blocked.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // From now on signals are Wait's. `stopping`, if there is one, is called for the first, on a
  // thread of its own, or at once if it has come; it must not wait.
  void Serving(std::function<void()> stopping = nullptr);
  // From now on `stopping` is not called.
  void Forget();
  // From now on SIGHUP has `reload` called, on a thread of its own, once for all that came
  // meanwhile; the first at once if one has come since the start.
  void OnHangup(std::function<void()> reload);
  // Blocks for the first signal that ends the process and returns its number.
  int Wait();

 private:
  // Shared with the thread that takes the signals, which nobody joins.
  struct State {
    Mutex mu;
    CondVar changed;
    bool serving ABSL_GUARDED_BY(mu) = false;
    int received ABSL_GUARDED_BY(mu) = 0;
    std::function<void()> stopping ABSL_GUARDED_BY(mu);
    bool hung_up ABSL_GUARDED_BY(mu) = false;
    std::function<void()> reload ABSL_GUARDED_BY(mu);
  };
  static void Take(sigset_t signals, const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_STOP_SIGNAL_H_
