#ifndef GRAPHFEED_SERVER_RPC_CREDENTIALS_H_
#define GRAPHFEED_SERVER_RPC_CREDENTIALS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"
#include "server/access/reread.h"
#include "storage/base/mutex.h"

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

// What a server proves itself with, and whom it believes: files that may change while it serves.
// Connections that are open stay. Thread-safe. Must outlive the server.
class TlsCredentials {
 public:
  // Errors as CheckTlsFiles.
  static absl::StatusOr<std::unique_ptr<TlsCredentials>> Open(const TlsFiles& files);

  // For the server's builder. Without files: no TLS.
  std::shared_ptr<grpc::ServerCredentials> ForServer();

  // Looks whether the files have changed since they were last looked at, or could not be used then;
  // new connections have what they say from then on. False: nothing is new. Errors as
  // CheckTlsFiles, each once for as long as it is the same: what was in use stays.
  absl::StatusOr<bool> ReloadIfChanged();
  // The same, whether or not they have changed.
  absl::Status Reload();

  // Until when the certificate in use is valid; nullopt without TLS.
  std::optional<absl::Time> expires() const;

 private:
  struct Texts {
    std::string cert;
    std::string key;
    std::string client_ca;
    absl::Time expires;
  };
  // A file in memory at a path of this process's, of which another takes the place at once. gRPC
  // watches files, but puts a certificate in use that has come before its key, and then refuses
  // every connection: it gets these, with pairs that fit.
  class MemoryFile {
   public:
    MemoryFile() = default;
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile();

    absl::Status Replace(const std::string& text);
    std::string path() const;  // once there is one

   private:
    int fd_ = -1;
    int64_t changes_ = 0;
  };

  explicit TlsCredentials(TlsFiles files) : files_(std::move(files)) {}
  static absl::StatusOr<Texts> Read(const TlsFiles& files);
  absl::Status Use(const Texts& texts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  friend absl::Status CheckTlsFiles(const TlsFiles& files);

  const TlsFiles files_;
  mutable Mutex mu_;
  MemoryFile identity_;   // the certificates, then the key; written under the mutex
  MemoryFile client_ca_;  // likewise
  absl::Time expires_ ABSL_GUARDED_BY(mu_);
  Reread reread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CREDENTIALS_H_
