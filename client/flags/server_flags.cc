#include "client/flags/server_flags.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/flags/flag_values.h"

namespace graphfeed {

ServerFlags::ServerFlags() {
  const char* from_environment = std::getenv("GRAPHFEED_ENDPOINT");
  server = from_environment != nullptr ? from_environment : kDefaultServer;
}

void ServerFlags::Register(CLI::App& command) {
  command
      .add_option("--server", server,
                  "address of the server, or of replicas, separated by commas (default: "
                  "GRAPHFEED_ENDPOINT of the environment)")
      ->capture_default_str();
  command.add_option("--timeout", timeout_seconds, "seconds to wait for an answer")
      ->capture_default_str()
      ->check(Positive());
  command
      .add_option("--retry-timeout", retry_timeout_seconds,
                  "seconds to look for a server that goes on when one has failed")
      ->capture_default_str()
      ->check(NonNegative());
  command
      .add_option("--keepalive", keepalive_seconds,
                  "seconds of silence before a server is pinged, and to wait for its answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  command.add_option("--token-file", security.token_file,
                     "file of the token that is shown to the server (GRAPHFEED_TOKEN_FILE, or the "
                     "token itself in GRAPHFEED_TOKEN)");
  command.add_option("--root-ca", security.root_ca,
                     "PEM certificates that the server's comes from, or \"system\"; turns TLS on "
                     "(GRAPHFEED_ROOT_CA)");
  command.add_option("--cert", security.cert,
                     "PEM certificate that is shown to the server (GRAPHFEED_CERT)");
  command.add_option("--key", security.key, "PEM key of --cert (GRAPHFEED_KEY)");
  command.add_flag("--no-proxy", no_proxy, "ignore the proxies that the environment names");
  command.add_flag("--no-shared-memory", no_shared_memory,
                   "let frames travel also from a server of this host (unix:...)");
}

void ServerFlags::RegisterDataDir(CLI::App& command) {
  command
      .add_option("--data-dir", data_dir,
                  "a data folder instead of a server, read by this process, also while one runs on "
                  "it (--server local:DIR)")
      ->excludes("--server")
      ->check(NamesFolder());
}

absl::StatusOr<std::unique_ptr<Client>> ServerFlags::Connect(
    std::function<bool()> interrupted) const {
  ClientOptions options;
  if (!data_dir.empty()) {
    options.endpoints = {absl::StrCat("local:", data_dir)};
  } else if (absl::StartsWith(server, "local:")) {
    options.endpoints = {server};  // commas are the path's
  } else {
    options.endpoints = absl::StrSplit(server, ',');
  }
  options.timeout = absl::Seconds(timeout_seconds);
  options.encoding = encoding;
  options.retry_timeout = absl::Seconds(retry_timeout_seconds);
  options.keepalive_time = absl::Seconds(keepalive_seconds);
  options.keepalive_timeout = absl::Seconds(keepalive_seconds);
  options.use_proxy = !no_proxy;
  options.security = security;
  options.security.FillFromEnvironment();
  options.shared_memory = !no_shared_memory;
  options.interrupted = std::move(interrupted);
  return Client::Create(options);
}

}  // namespace graphfeed
