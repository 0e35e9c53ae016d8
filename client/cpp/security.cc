#include "client/cpp/security.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr int kMaxWaitMs = 10'000;  // for who writes into a pipe

// As gRPC takes them; what else it is given it leaves out without a word.
absl::Status CheckPem(const char* what, const std::string& file) {
  GF_ASSIGN_OR_RETURN(const std::string text, ReadSecurityFile(what, file));
  if (absl::StrContains(text, "-----BEGIN ")) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": \"", file, "\" holds no PEM"));
}

absl::Status CheckToken(const std::string& token) {
  const bool plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!token.empty() && plain) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("token: of ", token.size(),
                   " bytes; it is one or more printable characters without spaces between them"));
}

}  // namespace

absl::StatusOr<std::string> ReadSecurityFile(const char* what, const std::string& file) {
  const auto fails = [&](int why) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": \"", file, "\" cannot be read: ", std::strerror(why)));
  };
  // A pipe that nobody writes to opens as well, and ends at once.
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fails(errno);
  const auto close_file = absl::MakeCleanup([fd] { (void)close(fd); });
  std::string text;
  while (true) {
    char piece[1 << 14];
    const ssize_t count = read(fd, piece, sizeof(piece));
    if (count == 0) return text;
    if (count < 0 && errno == EAGAIN) {
      pollfd readable = {.fd = fd, .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, kMaxWaitMs) == 0) return fails(ETIMEDOUT);
    } else if (count < 0 && errno != EINTR) {
      return fails(errno);
    }
    if (count < 0) continue;
    text.append(piece, static_cast<size_t>(count));
    if (text.size() > kMaxFileBytes) return fails(EFBIG);
  }
}

absl::Status ClientSecurity::Check() const {
  if (!token.empty() && !token_file.empty()) {
    return absl::InvalidArgumentError("token and token_file: one of them is enough");
  }
  if (cert.empty() != key.empty()) {
    return absl::InvalidArgumentError(cert.empty() ? "key: it goes with cert, which is not given"
                                                   : "cert: it goes with key, which is not given");
  }
  if (!cert.empty() && !tls()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cert: it goes with root_ca, the certificates that servers' come from, or \"",
                     kSystemRoots, "\""));
  }
  if (tls() && root_ca != kSystemRoots) {
    GF_RETURN_IF_ERROR(CheckPem("root_ca", root_ca));
  }
  if (!cert.empty()) {
    GF_RETURN_IF_ERROR(CheckPem("cert", cert));
    GF_RETURN_IF_ERROR(CheckPem("key", key));
  }
  return TokenOf(*this).status();
}

void ClientSecurity::FillFromEnvironment() {
  const auto fill = [](std::string& member, const char* name) {
    const char* const value = std::getenv(name);
    if (member.empty() && value != nullptr) member = value;
  };
  fill(root_ca, "GRAPHFEED_ROOT_CA");
  if (cert.empty() && key.empty()) {
    fill(cert, "GRAPHFEED_CERT");
    fill(key, "GRAPHFEED_KEY");
  }
  if (!token.empty() || !token_file.empty()) return;
  fill(token, "GRAPHFEED_TOKEN");
  if (token.empty()) fill(token_file, "GRAPHFEED_TOKEN_FILE");
}

std::string LookOfFiles(const ClientSecurity& security) {
  std::string look;
  for (const std::string* file : {&security.root_ca, &security.cert, &security.key}) {
    struct stat status = {};
    if (file->empty() || stat(file->c_str(), &status) != 0) continue;
    absl::StrAppend(&look, status.st_dev, " ", status.st_ino, " ", status.st_size, " ",
                    status.st_mtim.tv_sec, " ", status.st_mtim.tv_nsec, ";");
  }
  return look;
}

absl::StatusOr<std::string> TokenOf(const ClientSecurity& security) {
  std::string token = security.token;
  if (!security.token_file.empty()) {
    GF_ASSIGN_OR_RETURN(token, ReadSecurityFile("token_file", security.token_file));
    absl::StripAsciiWhitespace(&token);
  } else if (token.empty()) {
    return token;
  }
  GF_RETURN_IF_ERROR(CheckToken(token));
  return token;
}

}  // namespace graphfeed
