// graphfeed-server with its flags, but streams of some seeds are not what they seem
// (constant_frames.h). Serves until its input ends.

#include <csignal>
#include <cstdio>
#include <memory>

#include "absl/types/span.h"
#include "proto/wire/endpoint.h"
#include "server/config.h"
#include "server/server.h"
#include "storage/base/status_macros.h"
#include "tests/benchmark/constant_frames.h"

namespace graphfeed {
namespace {

absl::Status Serve(absl::Span<const char* const> arguments) {
  GF_ASSIGN_OR_RETURN(const CommandLine command_line, ParseFlags(arguments));
  const ServerConfig& config = command_line.config;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(config, MakeConstant));
  std::printf("listening on %s\n", wire::ListeningAddress(config.listen, server->port()).c_str());
  if (server->metrics_port() != 0) {
    std::printf("metrics on %s\n",
                wire::ListeningAddress(config.metrics_listen, server->metrics_port()).c_str());
  }
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = graphfeed::Serve(absl::MakeConstSpan(argv, argc).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "stream_server: %s\n", status.ToString().c_str());
  return 1;
}
