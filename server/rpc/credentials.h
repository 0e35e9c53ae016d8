#ifndef GRAPHFEED_SERVER_RPC_CREDENTIALS_H_
#define GRAPHFEED_SERVER_RPC_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/security/server_credentials.h"

namespace graphfeed {

struct TlsFiles {
  std::string cert;  // a chain, PEM; empty: no TLS
  std::string key;
  std::string client_ca;        // empty: clients are not asked for certificates
  bool require_client = false;  // else one without a certificate is let in, too
};

// INVALID_ARGUMENT names the file that is none, or a key that is not the certificate's, or a
// certificate that is no longer, or not yet, valid.
absl::Status CheckTlsFiles(const TlsFiles& files);

// What a server proves itself with and asks of clients. Files that change are read again within two
// seconds; a pair that does not fit is left aside until it does. Errors as CheckTlsFiles.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const TlsFiles& files);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CREDENTIALS_H_
