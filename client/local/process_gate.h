#ifndef GRAPHFEED_CLIENT_LOCAL_PROCESS_GATE_H_
#define GRAPHFEED_CLIENT_LOCAL_PROCESS_GATE_H_

#include "absl/base/thread_annotations.h"
#include "server/serving/task_queue.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Whoever works for a local server is within this gate, one for the process. It is closed during
// forks, so that no library's lock is held by a thread that the child does not have, and from the
// process's end on, so that nobody works while static objects go. Tasks that take longer than a
// second are not waited for. Thread-safe.
class ProcessGate final : public TaskGate {
 public:
  static ProcessGate& Get();

  void Enter() override;
  void Leave() override;
  // For those who join threads even when the process is ending.
  void ReopenAtEnd();

 private:
  ProcessGate() = default;
  void Close();
  void Open();
  static void BeforeFork();
  static void InParent();
  static void InChild();
  static void AtExit();

  Mutex mu_;
  CondVar changed_;
  int inside_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
};

// This thread is within the gate while this exists.
class WithinGate {
 public:
  WithinGate() { ProcessGate::Get().Enter(); }
  ~WithinGate() { ProcessGate::Get().Leave(); }
  WithinGate(const WithinGate&) = delete;
  WithinGate& operator=(const WithinGate&) = delete;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_PROCESS_GATE_H_
