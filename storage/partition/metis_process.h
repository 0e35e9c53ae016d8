#ifndef GRAPHFEED_STORAGE_PARTITION_METIS_PROCESS_H_
#define GRAPHFEED_STORAGE_PARTITION_METIS_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace graphfeed {

// A running graphfeed-partition, and the socket to it. Ends with the thread that started it, at the
// latest. Not thread-safe.
class MetisProcess {
 public:
  // `program` may be empty: graphfeed-partition beside the running program
  // or on the PATH. The process gets at
  // most `memory_bytes` of memory; 0: as much as there is. `interrupted` is asked ten times a
  // second while Send and Receive wait, and at each of them; they return its error.
  static absl::StatusOr<std::unique_ptr<MetisProcess>> Start(
      const std::string& program, int64_t memory_bytes, std::function<absl::Status()> interrupted);
  // Kills it, if it still runs, and waits for its end.
  ~MetisProcess();
  MetisProcess(const MetisProcess&) = delete;
  MetisProcess& operator=(const MetisProcess&) = delete;

  // OK as well when it does not listen any more: what Receive returns says why.
  absl::Status Send(absl::Span<const std::byte> bytes);
  // Fills `bytes`. RESOURCE_EXHAUSTED if it was killed by the system, INTERNAL if it has ended
  // otherwise before all came.
  absl::Status Receive(absl::Span<std::byte> bytes);

  // It does not listen any more.
  bool ended() const { return ended_; }
  pid_t pid() const { return pid_; }

 private:
  MetisProcess(pid_t pid, int fd, std::function<absl::Status()> interrupted)
      : pid_(pid), fd_(fd), interrupted_(std::move(interrupted)) {}

  // Until the socket is ready for `events`, or the interruption.
  absl::Status Wait(short events);
  // Waits for its end and says how it came.
  absl::Status HowItEnded();

  pid_t pid_;  // 0 when it has been waited for
  const int fd_;
  const std::function<absl::Status()> interrupted_;
  bool ended_ = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_PARTITION_METIS_PROCESS_H_
