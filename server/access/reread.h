#ifndef GRAPHFEED_SERVER_ACCESS_REREAD_H_
#define GRAPHFEED_SERVER_ACCESS_REREAD_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace graphfeed {

// How files look to who wants to know whether they have changed: devices, inodes, sizes, times.
std::string LookOf(absl::Span<const std::string> files);

// When files are read again: when they look otherwise than when they were last read, and, for as
// long as they cannot be used, every time. A file may be unreadable for a moment, a certificate not
// be valid yet. Not thread-safe.
class Reread {
 public:
  bool Due(const std::string& look) const { return look != seen_ || !failure_.ok(); }

  // They were read; `look` is from before that, so that what changes meanwhile is read again.
  void Done(std::string look, const absl::Status& status) {
    repeated_ = !status.ok() && look == seen_ && status == failure_;
    seen_ = std::move(look);
    failure_ = status;
  }

  // Whether the last time brought nothing but the error of the time before.
  bool repeated() const { return repeated_; }

 private:
  std::string seen_;
  absl::Status failure_;
  bool repeated_ = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_ACCESS_REREAD_H_
