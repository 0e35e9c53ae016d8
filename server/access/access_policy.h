#ifndef GRAPHFEED_SERVER_ACCESS_ACCESS_POLICY_H_
#define GRAPHFEED_SERVER_ACCESS_ACCESS_POLICY_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/access/principal.h"

namespace graphfeed {

// Who may call a server and what for: the file of --access, read (docs/security.md). Immutable.
class AccessPolicy {
 public:
  // INVALID_ARGUMENT: a line for each thing that is wrong, beginning with `name`, the file's, and
  // the line. No secret is in it.
  static absl::StatusOr<std::shared_ptr<const AccessPolicy>> Parse(const std::string& text,
                                                                   absl::string_view name);

  // Null if it is nobody's. Takes as long for every token of one length.
  std::shared_ptr<const Principal> FindToken(absl::string_view token) const;
  // By one of the names in a client's certificate.
  std::shared_ptr<const Principal> FindCertificate(const std::string& name) const;
  // Who says nothing about itself; null: is refused.
  const std::shared_ptr<const Principal>& anonymous() const { return anonymous_; }
  // Whether this file says of it what the one says that it comes from.
  bool Has(const Principal& principal) const;
  // Of all principals, each once.
  std::vector<std::string> names() const;

 private:
  friend class AccessFileReader;

  using Digest = std::array<uint8_t, 32>;  // SHA-256
  std::vector<std::pair<Digest, std::shared_ptr<const Principal>>> tokens_;
  std::map<std::string, std::shared_ptr<const Principal>> certificates_;
  std::shared_ptr<const Principal> anonymous_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_ACCESS_ACCESS_POLICY_H_
