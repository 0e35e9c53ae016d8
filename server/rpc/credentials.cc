#include "server/rpc/credentials.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr unsigned kRefreshSeconds = 2;

struct CloseFile {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;
using Certificate = std::unique_ptr<X509, FreeX509>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

absl::Status Wrong(const char* flag, const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": \"", path, "\"; ", what));
}

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

absl::StatusOr<Certificate> ReadCertificate(const char* flag, const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return Wrong(flag, path, "cannot be read");
  Certificate certificate(PEM_read_X509(file.get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) return Wrong(flag, path, "no PEM certificate");
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return Wrong(flag, path, "the certificate has expired");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0) {
    return Wrong(flag, path, "the certificate is not valid yet");
  }
  return certificate;
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.cert.empty()) return absl::OkStatus();
  GF_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate("tls-cert", files.cert));
  const File file(std::fopen(files.key.c_str(), "re"));
  if (file == nullptr) return Wrong("tls-key", files.key, "cannot be read");
  const Key key(PEM_read_PrivateKey(file.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return Wrong("tls-key", files.key, "no PEM key without a passphrase");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls-key", files.key, absl::StrCat("not the key of --tls-cert ", files.cert));
  }
  if (files.client_ca.empty()) return absl::OkStatus();
  return ReadCertificate("tls-client-ca", files.client_ca).status();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(const TlsFiles& files) {
  if (files.cert.empty()) return grpc::InsecureServerCredentials();
  GF_RETURN_IF_ERROR(CheckTlsFiles(files));
  using grpc::experimental::FileWatcherCertificateProvider;
  const auto provider = std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.cert, files.client_ca, kRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(files.require_client
                                      ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace graphfeed
