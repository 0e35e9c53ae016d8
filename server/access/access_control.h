#ifndef GRAPHFEED_SERVER_ACCESS_ACCESS_CONTROL_H_
#define GRAPHFEED_SERVER_ACCESS_ACCESS_CONTROL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/access/access_policy.h"
#include "server/access/principal.h"
#include "server/access/reread.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// What a caller shows of itself.
struct Credentials {
  std::optional<absl::string_view> authorization;  // the header of this name
  std::vector<std::string> certificate_names;      // of a certificate that has been verified
};

// Tells who calls. Thread-safe.
class AccessControl {
 public:
  // `file` is read by Reload; empty: callers are not asked who they are, a certificate's name is
  // theirs all the same, and all may do everything.
  explicit AccessControl(std::string file) : file_(std::move(file)) {}

  // Reads the file; errors leave what was in force. INVALID_ARGUMENT as AccessPolicy::Parse,
  // UNAVAILABLE when it cannot be read.
  absl::Status Reload();
  // The same if the file has changed since it was last looked at, or could not be taken then. True:
  // it has been read. An error is returned once for as long as it is the same.
  absl::StatusOr<bool> ReloadIfChanged();

  // Of all principals in force, each once.
  std::vector<std::string> names() const;

  // Whether there is a file, so that callers are told apart.
  bool asks() const { return !file_.empty(); }

  // Whether what is in force says of it what was in force when it was found.
  bool StillHas(const Principal& principal) const;

  // UNAUTHENTICATED says what is missing, and nothing of what was shown. A token decides alone,
  // also beside a certificate.
  absl::StatusOr<std::shared_ptr<const Principal>> Authenticate(
      const Credentials& credentials) const;

 private:
  std::shared_ptr<const AccessPolicy> policy() const;

  const std::string file_;
  const std::shared_ptr<const Principal> everyone_ = Principal::Everyone("anonymous");
  mutable Mutex mu_;
  std::shared_ptr<const AccessPolicy> policy_ ABSL_GUARDED_BY(mu_);  // shared with who asks
  Reread reread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_ACCESS_ACCESS_CONTROL_H_
