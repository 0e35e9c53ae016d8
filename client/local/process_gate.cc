#include "client/local/process_gate.h"

#include <pthread.h>

#include <cstdlib>
#include <new>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(1);

}  // namespace

ProcessGate& ProcessGate::Get() {
  static ProcessGate& gate = *[] {
    (void)pthread_atfork(&BeforeFork, &InParent, &InChild);
    (void)std::atexit(&AtExit);
    return new ProcessGate;  // threads wait at it when static objects have gone
  }();
  return gate;
}

void ProcessGate::Enter() {
  MutexLock lock(&mu_);
  while (closed_) changed_.Wait(&mu_);
  ++inside_;
}

void ProcessGate::Leave() {
  MutexLock lock(&mu_);
  --inside_;
}

void ProcessGate::Open() {
  MutexLock lock(&mu_);
  closed_ = false;
  changed_.SignalAll();
}

void ProcessGate::ReopenAtEnd() {
  {
    MutexLock lock(&mu_);
    if (!ending_) return;
  }
  Open();
}

void ProcessGate::Close() {
  const absl::Time deadline = absl::Now() + kPatience;
  for (bool empty = false; !empty && absl::Now() < deadline;) {
    {
      MutexLock lock(&mu_);
      closed_ = true;
      empty = inside_ == 0;
    }
    if (!empty) absl::SleepFor(absl::Microseconds(50));
  }
}

// The lock is held across the fork, so that nobody is about to take or to leave it.
void ProcessGate::BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Get().Close();
  Get().mu_.Lock();
}

void ProcessGate::InParent() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  Get().mu_.Unlock();
  Get().Open();
}

// Those who were inside or waited are not here.
void ProcessGate::InChild() { new (&Get()) ProcessGate; }

void ProcessGate::AtExit() {
  {
    MutexLock lock(&Get().mu_);
    Get().ending_ = true;
  }
  Get().Close();
}

}  // namespace graphfeed
