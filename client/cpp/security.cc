#include "client/cpp/security.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

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
  struct stat status = {};
  if (stat(file.c_str(), &status) != 0) return fails(errno);
  if (S_ISDIR(status.st_mode)) return fails(EISDIR);  // opens, and reads as empty
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in.is_open()) text << in.rdbuf();
  if (!in.good()) return fails(errno);
  return std::move(text).str();
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
    GF_RETURN_IF_ERROR(ReadSecurityFile("root_ca", root_ca).status());
  }
  if (!cert.empty()) {
    GF_RETURN_IF_ERROR(ReadSecurityFile("cert", cert).status());
    GF_RETURN_IF_ERROR(ReadSecurityFile("key", key).status());
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
