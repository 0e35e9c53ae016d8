#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_CONTROL_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_CONTROL_H_

// The inner side of fake_poplar/control.hpp.

#include <condition_variable>
#include <mutex>
#include <string>

#include "fake_poplar/control.hpp"

namespace fake_poplar {

// Set by Engine::stop.
struct StopFlag {
  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false;
};

// Throws or hangs if an error was injected at `point`; true if "busy" was.
bool Reach(const std::string& point, StopFlag* stop);

bool InvalidatesAfterRun();
void Count(std::int64_t Counts::*what, std::int64_t by = 1);

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_CONTROL_H_
