#include "storage/base/stop_signal.h"

#include <thread>
#include <utility>

namespace graphfeed {

StopSignal::StopSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, state = state_] { Take(signals, state); }).detach();
}

void StopSignal::Take(sigset_t signals, const std::shared_ptr<State>& state) {
  int received = 0;
  for (;;) {
    sigwait(&signals, &received);
    if (received != SIGHUP) break;
    std::function<void()> reload;
    {
      MutexLock lock(&state->mu);
      reload = state->reload;
      state->hung_up = reload == nullptr;
    }
    if (reload) reload();
  }
  MutexLock lock(&state->mu);
  if (!state->serving) {
    // As if nobody had blocked it.
    std::signal(received, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    std::raise(received);
  }
  state->received = received;
  state->changed.SignalAll();
  if (state->stopping) state->stopping();
}

void StopSignal::Serving(std::function<void()> stopping) {
  MutexLock lock(&state_->mu);
  state_->serving = true;
  state_->stopping = std::move(stopping);
  if (state_->received != 0 && state_->stopping) state_->stopping();
}

void StopSignal::Forget() {
  MutexLock lock(&state_->mu);
  state_->stopping = nullptr;
}

void StopSignal::OnHangup(std::function<void()> reload) {
  bool hung_up;
  {
    MutexLock lock(&state_->mu);
    hung_up = state_->hung_up;
    state_->hung_up = false;
    state_->reload = reload;
  }
  if (hung_up) reload();
}

int StopSignal::Wait() {
  MutexLock lock(&state_->mu);
  while (state_->received == 0) state_->changed.Wait(&state_->mu);
  return state_->received;
}

}  // namespace graphfeed
