#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/wire/endpoint.h"
#include "server/config.h"
#include "server/memory_limit.h"
#include "server/server.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "storage/base/stop_signal.h"

namespace {

// Why the program does not run: no level of logging keeps that back.
void SayWhyNot(absl::string_view reason) {
  std::fprintf(stderr, "graphfeed-server: %s\n", std::string(reason).c_str());
}

// Each thread's heap reserves 64 MiB of addresses, most of them for nothing: where a limit of the
// address space counts them (ulimit -v), threads share two.
void ShareHeapsUnderALimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    (void)mallopt(M_ARENA_MAX, 2);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ShareHeapsUnderALimit();
  const auto command_line =
      graphfeed::ParseFlags(absl::MakeConstSpan(argv, argc).subspan(1),
                            [](const char* name) -> const char* { return std::getenv(name); });
  if (!command_line.ok()) {
    for (const absl::string_view line : absl::StrSplit(command_line.status().message(), '\n')) {
      SayWhyNot(line);
    }
    return 2;
  }
  if (!command_line->print.empty()) {
    std::fputs(command_line->print.c_str(), stdout);
    return 0;
  }
  if (command_line->check_only) {
    std::puts("the configuration is good");
    return 0;
  }
  const graphfeed::ServerConfig& config = command_line->config;
  // Standard output is for the lines that scripts read.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("graphfeed"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  if (const std::optional<int64_t> memory = graphfeed::MemoryLimit()) {
    for (const std::string& warning : graphfeed::MemoryWarnings(config, *memory)) {
      spdlog::warn("{}", warning);
    }
  }

  graphfeed::StopSignal stop;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of who writes it

  std::atomic<bool> failed = false;  // while it was serving
  absl::StatusOr<std::unique_ptr<graphfeed::Server>> server = absl::UnavailableError("not started");
  try {
    server = graphfeed::Server::Start(config, nullptr, [&failed](const absl::Status& status) {
      SayWhyNot(status.message());
      failed = true;
      (void)kill(getpid(), SIGTERM);
    });
  } catch (const std::exception& error) {  // a thread, or memory, that cannot be had
    server = absl::ResourceExhaustedError(
        std::string("the server cannot start within the limits of its process: ") + error.what());
  }
  if (!server.ok()) {
    SayWhyNot(server.status().ToString(absl::StatusToStringMode::kWithNoExtraData));
    return 1;
  }
  stop.Serving();
  if ((*server)->read_only()) {
    spdlog::warn("the data folder {} cannot be written: it is served as it is", config.data_dir);
  }
  if (const int64_t columns = (*server)->set_aside_columns(); columns > 0) {
    spdlog::warn("{} columns in {} belong to no version; what no start uses for {} is removed",
                 columns, config.data_dir, absl::FormatDuration(config.sweep_after));
  }
  std::printf("listening on %s\n",
              graphfeed::wire::ListeningAddress(config.listen, (*server)->port()).c_str());
  if ((*server)->metrics_port() != 0) {
    std::printf("metrics on %s\n",
                graphfeed::wire::ListeningAddress(config.metrics_listen, (*server)->metrics_port())
                    .c_str());
  }
  std::fflush(stdout);

  const int received = stop.Wait();
  spdlog::info("signal {}: draining for at most {}", received,
               absl::FormatDuration(config.drain_timeout));
  (*server)->Shutdown(absl::Now() + config.drain_timeout);
  server->reset();
  spdlog::info("stopped");
  return failed ? 1 : 0;
}
