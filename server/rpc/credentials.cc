#include "server/rpc/credentials.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/access/small_file.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr unsigned kRefreshSeconds = 1;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeX509>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

absl::Status Wrong(const char* flag, const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": \"", path, "\"; ", what));
}

// Nobody is asked for a passphrase.
int NoPassphrase(char*, int, int, void*) { return 0; }

absl::StatusOr<std::string> ReadText(const char* flag, const std::string& path) {
  absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", text.status().message()));
}

Bio InMemory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate NextCertificate(BIO* pem) {
  return Certificate(PEM_read_bio_X509(pem, nullptr, NoPassphrase, nullptr));
}

absl::Status CheckTime(const char* flag, const std::string& path, const X509* certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return Wrong(flag, path, "the certificate has expired");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return Wrong(flag, path, "the certificate is not valid yet");
  }
  return absl::OkStatus();
}

// The first one, which is the server's own, in its time.
absl::StatusOr<Certificate> ParseCertificate(const char* flag, const std::string& path,
                                             const std::string& text) {
  Certificate certificate = NextCertificate(InMemory(text).get());
  if (certificate == nullptr) return Wrong(flag, path, "no PEM certificate");
  GF_RETURN_IF_ERROR(CheckTime(flag, path, certificate.get()));
  return certificate;
}

// That there is one in its time: while an authority is renewed, the old one and the new one stand
// in one file, in any order.
absl::Status CheckAuthorities(const char* flag, const std::string& path, const std::string& text) {
  const Bio pem = InMemory(text);
  absl::Status status = Wrong(flag, path, "no PEM certificate");
  while (const Certificate certificate = NextCertificate(pem.get())) {
    status = CheckTime(flag, path, certificate.get());
    if (status.ok()) break;
  }
  return status;
}

absl::Time ExpiryOf(const X509* certificate) {
  std::tm time = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return absl::InfiniteFuture();
  return absl::FromTM(time, absl::UTCTimeZone());
}
}  // namespace

TlsCredentials::MemoryFile::~MemoryFile() {
  if (fd_ >= 0) (void)close(fd_);
}

std::string TlsCredentials::MemoryFile::path() const { return absl::StrCat("/proc/self/fd/", fd_); }

absl::Status TlsCredentials::MemoryFile::Replace(const std::string& text) {
  const int fd = memfd_create("graphfeed-tls", MFD_CLOEXEC);
  // gRPC reads again what has another time of change, in seconds.
  ++changes_;
  const timespec times[] = {{.tv_sec = changes_, .tv_nsec = 0}, {.tv_sec = changes_, .tv_nsec = 0}};
  const bool written = fd >= 0 &&
                       write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       futimens(fd, times) == 0;
  if (written && fd_ < 0) {
    fd_ = fd;
    return absl::OkStatus();
  }
  const bool replaced = written && dup3(fd, fd_, O_CLOEXEC) >= 0;
  const int error = errno;
  if (fd >= 0) (void)close(fd);
  if (replaced) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("TLS: no memory for a certificate: ", std::strerror(error)));
}

absl::StatusOr<TlsCredentials::Texts> TlsCredentials::Read(const TlsFiles& files) {
  Texts texts;
  if (files.cert.empty()) return texts;
  GF_ASSIGN_OR_RETURN(texts.cert, ReadText("tls-cert", files.cert));
  GF_ASSIGN_OR_RETURN(const Certificate certificate,
                      ParseCertificate("tls-cert", files.cert, texts.cert));
  texts.expires = ExpiryOf(certificate.get());
  GF_ASSIGN_OR_RETURN(texts.key, ReadText("tls-key", files.key));
  const Key key(PEM_read_bio_PrivateKey(InMemory(texts.key).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return Wrong("tls-key", files.key, "no PEM key without a passphrase");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls-key", files.key, absl::StrCat("not the key of --tls-cert ", files.cert));
  }
  if (files.client_ca.empty()) return texts;
  GF_ASSIGN_OR_RETURN(texts.client_ca, ReadText("tls-client-ca", files.client_ca));
  GF_RETURN_IF_ERROR(CheckAuthorities("tls-client-ca", files.client_ca, texts.client_ca));
  return texts;
}

absl::Status CheckTlsFiles(const TlsFiles& files) { return TlsCredentials::Read(files).status(); }

absl::StatusOr<std::unique_ptr<TlsCredentials>> TlsCredentials::Open(const TlsFiles& files) {
  std::unique_ptr<TlsCredentials> credentials(new TlsCredentials(files));
  GF_RETURN_IF_ERROR(credentials->Reload());
  return credentials;
}

absl::Status TlsCredentials::Reload() {
  if (files_.cert.empty()) return absl::OkStatus();
  std::string look = LookOf({files_.cert, files_.key, files_.client_ca});
  absl::StatusOr<Texts> texts = Read(files_);
  MutexLock lock(&mu_);
  absl::Status status = texts.ok() ? Use(*texts) : texts.status();
  reread_.Done(std::move(look), status);
  return status;
}

absl::Status TlsCredentials::Use(const Texts& texts) {
  GF_RETURN_IF_ERROR(client_ca_.Replace(texts.client_ca));
  // The certificates first: whoever reads them goes on to the end.
  GF_RETURN_IF_ERROR(identity_.Replace(absl::StrCat(texts.cert, "\n", texts.key)));
  expires_ = texts.expires;
  return absl::OkStatus();
}

absl::StatusOr<bool> TlsCredentials::ReloadIfChanged() {
  if (files_.cert.empty()) return false;
  {
    const std::string look = LookOf({files_.cert, files_.key, files_.client_ca});
    MutexLock lock(&mu_);
    if (!reread_.Due(look)) return false;
  }
  const absl::Status status = Reload();
  {
    MutexLock lock(&mu_);
    if (reread_.repeated()) return false;
  }
  GF_RETURN_IF_ERROR(status);
  return true;
}

std::optional<absl::Time> TlsCredentials::expires() const {
  if (files_.cert.empty()) return std::nullopt;
  MutexLock lock(&mu_);
  return expires_;
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials::ForServer() {
  if (files_.cert.empty()) return grpc::InsecureServerCredentials();
  using grpc::experimental::FileWatcherCertificateProvider;
  const auto provider = std::make_shared<FileWatcherCertificateProvider>(
      identity_.path(), identity_.path(), files_.client_ca.empty() ? "" : client_ca_.path(),
      kRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  if (!files_.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(files_.require_client
                                      ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                      : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace graphfeed
