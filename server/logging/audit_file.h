#ifndef GRAPHFEED_SERVER_LOGGING_AUDIT_FILE_H_
#define GRAPHFEED_SERVER_LOGGING_AUDIT_FILE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// A file that lines are appended to, in the writing thread: who hears that something has been
// changed finds the line there. Readable by its owner alone, if it is made here. Thread-safe.
class AuditFile {
 public:
  // Whether Open would find or make it; nothing is made. INVALID_ARGUMENT as Open.
  static absl::Status Check(const std::string& path);
  // INVALID_ARGUMENT, naming --audit-log, if it cannot be opened.
  static absl::StatusOr<std::unique_ptr<AuditFile>> Open(std::string path);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // UNAVAILABLE for a line that is not there, or not whole.
  absl::Status Append(absl::string_view line);
  // Opens what has the file's name now, after a rotation. Errors as Open; the old one stays in use.
  absl::Status Reopen();

 private:
  AuditFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  const std::string path_;
  Mutex mu_;
  int fd_ ABSL_GUARDED_BY(mu_);
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // the last line has no end
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_LOGGING_AUDIT_FILE_H_
