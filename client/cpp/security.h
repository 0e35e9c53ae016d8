#ifndef GRAPHFEED_CLIENT_CPP_SECURITY_H_
#define GRAPHFEED_CLIENT_CPP_SECURITY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graphfeed {

// How a client knows its servers, and what it shows them of itself. Files are PEM; what changes in
// them is read again for the calls that begin then.
struct ClientSecurity {
  // Certificates that servers' must come from; kSystemRoots: those of the system. Empty: no TLS.
  std::string root_ca;
  std::string cert;  // the client's own chain, with `key`
  std::string key;
  std::string token;       // shown with each call; not both of these
  std::string token_file;  // has it, white space around it aside

  static constexpr char kSystemRoots[] = "system";

  bool tls() const { return !root_ca.empty(); }
  // INVALID_ARGUMENT names a file that cannot be read, or what does not go together.
  absl::Status Check() const;
  // What is given nowhere from the environment: GRAPHFEED_ROOT_CA, GRAPHFEED_CERT, GRAPHFEED_KEY,
  // GRAPHFEED_TOKEN, GRAPHFEED_TOKEN_FILE.
  void FillFromEnvironment();
};

// The file's text. INVALID_ARGUMENT, naming `what` and the file, if it cannot be read.
absl::StatusOr<std::string> ReadSecurityFile(const char* what, const std::string& file);
// Changes when one of the files of TLS does.
std::string LookOfFiles(const ClientSecurity& security);
// The token, as it is now; empty: none. INVALID_ARGUMENT as ReadSecurityFile, or for a text that is
// no token.
absl::StatusOr<std::string> TokenOf(const ClientSecurity& security);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_SECURITY_H_
