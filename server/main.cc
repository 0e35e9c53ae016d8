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

void SayAllOf(const absl::Status& status) {
  if (status.ok()) return;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) SayWhyNot(line);
}

absl::StatusOr<graphfeed::CommandLine> ReadConfig(absl::Span<const char* const> arguments) {
  return graphfeed::ParseFlags(arguments,
                               [](const char* name) -> const char* { return std::getenv(name); });
}

// What SIGHUP asks for. The level of logging and the files of --access and TLS can change while a
// server runs.
void Reload(absl::Span<const char* const> arguments, const graphfeed::ServerConfig& in_force,
            graphfeed::Server& server) {
  const auto read = ReadConfig(arguments);
  if (!read.ok()) {
    spdlog::error("SIGHUP: the configuration stays as it was: {}",
                  std::string(read.status().message()));
  } else {
    spdlog::set_level(spdlog::level::from_str(read->config.log_level));
    for (const std::string& name : graphfeed::ChangedSettings(in_force, read->config)) {
      if (name == "--log-level") continue;
      spdlog::warn("SIGHUP: {} has changed, which takes a restart", name);
    }
  }
  server.Reload();
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
  const absl::Span<const char* const> arguments = absl::MakeConstSpan(argv, argc).subspan(1);
  const auto command_line = ReadConfig(arguments);
  if (!command_line.ok()) {
    SayAllOf(command_line.status());
    return 2;
  }
  if (!command_line->print.empty()) {
    std::fputs(command_line->print.c_str(), stdout);
    return 0;
  }
  if (command_line->check_only) {
    const absl::Status files = graphfeed::Server::CheckFiles(command_line->config);
    SayAllOf(files);
    if (!files.ok()) return 2;
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
  stop.OnHangup([&] { Reload(arguments, config, **server); });
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
