#ifndef GRAPHFEED_TESTS_SUPPORT_CHILD_PROCESS_H_
#define GRAPHFEED_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace graphfeed {

// A program with pipes to its standard input and output. Destroyed, it is told to end by the end of
// its input, and waited for.
class ChildProcess {
 public:
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(std::vector<std::string> command);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of its output, without the newline; nullopt at the end.
  std::optional<std::string> ReadLine();
  pid_t pid() const { return pid_; }
  // Processor time that it has used.
  absl::Duration CpuTime() const;

 private:
  ChildProcess(pid_t pid, int input, int output) : pid_(pid), input_(input), output_(output) {}

  const pid_t pid_;
  const int input_;
  const int output_;
  std::string buffer_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_CHILD_PROCESS_H_
