#include "tests/fake_poplar/control.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "poplar/exceptions.hpp"

namespace fake_poplar {
namespace {

struct Injection {
  std::string point;
  std::string kind;
  int from = 1;
  int count = 1;
  int reached = 0;
};

struct Control {
  std::mutex mutex;
  std::condition_variable released;
  std::vector<Injection> injections;
  bool release_hangs = false;
  bool invalidate_after_run = false;
  Counts counts;
};

std::vector<Injection> Parse(const std::string& errors) {
  std::vector<Injection> parsed;
  std::stringstream rest(errors);
  for (std::string text; std::getline(rest, text, ';');) {
    if (text.empty()) continue;
    Injection injection;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("FAKE_POPLAR_INJECT: " + text);
    injection.point = text.substr(0, equals);
    std::string kind = text.substr(equals + 1);
    const size_t at = kind.find('@');
    const size_t times = kind.rfind('x');
    const bool has_count = times != std::string::npos && times + 1 < kind.size() &&
                           kind.find_first_not_of("0123456789", times + 1) == std::string::npos;
    if (has_count) {
      injection.count = std::stoi(kind.substr(times + 1));
      kind.resize(times);
    }
    if (at != std::string::npos) {
      injection.from = std::stoi(kind.substr(at + 1));
      kind.resize(at);
    }
    injection.kind = kind;
    parsed.push_back(injection);
  }
  return parsed;
}

Control& TheControl() {
  static Control& control = *[] {
    auto* made = new Control;
    if (const char* errors = std::getenv("FAKE_POPLAR_INJECT")) made->injections = Parse(errors);
    return made;
  }();
  return control;
}

[[noreturn]] void Throw(const std::string& kind, const std::string& point) {
  using poplar::RecoveryAction;
  const std::string message = "injected " + kind + " at " + point;
  static const std::map<std::string, RecoveryAction> kActions = {
      {"IPU_RESET", RecoveryAction::IPU_RESET},
      {"LINK_RESET", RecoveryAction::LINK_RESET},
      {"PARTITION_RESET", RecoveryAction::PARTITION_RESET},
      {"FULL_RESET", RecoveryAction::FULL_RESET}};
  if (const auto action = kActions.find(kind); action != kActions.end()) {
    throw poplar::recoverable_runtime_error(message, action->second);
  }
  if (kind == "application") throw poplar::application_runtime_error(message);
  if (kind == "unrecoverable") throw poplar::unrecoverable_runtime_error(message);
  if (kind == "unknown") throw poplar::unknown_runtime_error(message);
  if (kind == "poplar") throw poplar::poplar_error(message);
  if (kind == "link") throw poplar::link_error(message);
  if (kind == "memory") throw poplar::graph_memory_allocation_error(message);
  if (kind == "stream_memory") throw poplar::stream_memory_allocation_error(message);
  if (kind == "invalid_option") throw poplar::invalid_option(message);
  if (kind == "symbol") throw poplar::symbol_error(message);
  if (kind == "file_load") throw poplar::file_load_error(message);
  if (kind == "parse") throw poplar::parse_error(message);
  if (kind == "std") throw std::runtime_error(message);
  if (kind == "alien") throw 7;  // NOLINT
  throw std::invalid_argument("FAKE_POPLAR_INJECT has no kind " + kind);
}

}  // namespace

void Inject(const std::string& errors) {
  std::vector<Injection> parsed = Parse(errors);
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  control.injections = std::move(parsed);
  control.release_hangs = false;
}

void ReleaseHangs() {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  control.release_hangs = true;
  control.released.notify_all();
}

bool Reach(const std::string& point, StopFlag* stop) {
  Control& control = TheControl();
  std::string kind;
  {
    const std::lock_guard<std::mutex> lock(control.mutex);
    for (Injection& injection : control.injections) {
      if (injection.point != point) continue;
      const int reached = ++injection.reached;
      if (reached >= injection.from && reached < injection.from + injection.count) {
        kind = injection.kind;
      }
    }
  }
  if (kind.empty()) return false;
  if (kind == "busy") return true;
  if (kind == "hang" && stop != nullptr) {
    std::unique_lock<std::mutex> lock(stop->mutex);
    while (!stop->stopped) stop->changed.wait(lock);
    throw poplar::unknown_runtime_error("stopped");
  }
  if (kind == "hang_forever") {
    std::unique_lock<std::mutex> lock(control.mutex);
    while (!control.release_hangs) control.released.wait(lock);
    throw poplar::unknown_runtime_error("released");
  }
  Throw(kind, point);
}

void SetInvalidateAfterRun(bool on) {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  control.invalidate_after_run = on;
}

bool InvalidatesAfterRun() {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  return control.invalidate_after_run;
}

Counts GetCounts() {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  return control.counts;
}

void ClearCounts() {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  control.counts = Counts();
}

void Count(std::int64_t Counts::*what, std::int64_t by) {
  Control& control = TheControl();
  const std::lock_guard<std::mutex> lock(control.mutex);
  control.counts.*what += by;
}

}  // namespace fake_poplar
