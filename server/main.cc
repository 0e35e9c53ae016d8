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

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/wire/endpoint.h"
#include "server/config.h"
#include "server/grpc_log.h"
#include "server/logging/audit_file.h"
#include "server/logging/log.h"
#include "server/memory_limit.h"
#include "server/server.h"
#include "storage/base/stop_signal.h"

namespace {

using graphfeed::LogLevel;

// Once the configuration has been read. Never destroyed: gRPC's threads stay to the end.
graphfeed::Log* the_log = nullptr;

// Why the program does not run: no level of logging keeps that back.
void SayWhyNot(absl::string_view reason) {
  if (the_log != nullptr && the_log->format() == graphfeed::LogFormat::kJson) {
    the_log->WriteAlways(LogLevel::kError, "server.failed", {{"message", std::string(reason)}});
    (void)the_log->Flush(absl::Seconds(2));
    return;
  }
  std::fprintf(stderr, "graphfeed-server: %s\n", std::string(reason).c_str());
}

absl::Status OpenLog(const graphfeed::ServerConfig& config) {
  absl::StatusOr<std::unique_ptr<graphfeed::Log>> log =
      graphfeed::Log::Open({.format = config.log_format == "json" ? graphfeed::LogFormat::kJson
                                                                  : graphfeed::LogFormat::kText,
                            .level = graphfeed::LogLevelOf(config.log_level),
                            .audit_file = config.audit_log});
  if (!log.ok()) return log.status();
  the_log = log->release();
  graphfeed::SendGrpcLogTo(the_log);
  return absl::OkStatus();
}

void SayAllOf(const absl::Status& status) {
  if (status.ok()) return;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n')) SayWhyNot(line);
}

// Of all files that the configuration names: whether they can be used.
absl::Status CheckFiles(const graphfeed::ServerConfig& config) {
  absl::Status files = graphfeed::Server::CheckFiles(config);
  absl::Status audits =
      config.audit_log.empty() ? absl::OkStatus() : graphfeed::AuditFile::Check(config.audit_log);
  if (files.ok()) return audits;
  if (audits.ok()) return files;
  return absl::InvalidArgumentError(absl::StrCat(files.message(), "\n", audits.message()));
}

using FileCheck = absl::Status (*)(const graphfeed::ServerConfig&);

absl::StatusOr<graphfeed::CommandLine> ReadConfig(absl::Span<const char* const> arguments,
                                                  FileCheck files) {
  return graphfeed::ParseFlags(
      arguments, [](const char* name) -> const char* { return std::getenv(name); }, files);
}

// What SIGHUP asks for. The level of logging and the files of --access and TLS can change while a
// server runs, and the file of audits may have been rotated.
void Reload(absl::Span<const char* const> arguments, const graphfeed::ServerConfig& in_force,
            graphfeed::Server& server) {
  graphfeed::Log& log = *the_log;
  const auto read = ReadConfig(arguments, nullptr);
  log.Audit({.action = "reload",
             .result = read.status(),
             .details = {{"what", "configuration"}, {"why", "SIGHUP"}}});
  if (read.ok()) {
    log.SetLevel(graphfeed::LogLevelOf(read->config.log_level));
    for (const std::string& name : graphfeed::ChangedSettings(in_force, read->config)) {
      if (name == "--log-level") continue;
      log.Write(LogLevel::kWarn, "config.unused",
                {{"setting", name}, {"message", "has changed, which takes a restart"}});
    }
  }
  if (const absl::Status reopened = log.Reopen(); !reopened.ok()) {
    log.Write(LogLevel::kError, "audit.failed", {{"message", std::string(reopened.message())}});
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
  const auto command_line = ReadConfig(arguments, CheckFiles);
  if (!command_line.ok()) {
    SayAllOf(command_line.status());
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
  const absl::Time started = absl::Now();
  const graphfeed::ServerConfig& config = command_line->config;
  graphfeed::StopSignal stop;  // before the log's thread
  if (const absl::Status opened = OpenLog(config); !opened.ok()) {
    SayWhyNot(opened.message());
    return 2;
  }
  graphfeed::Log& log = *the_log;
  if (const std::optional<int64_t> memory = graphfeed::MemoryLimit()) {
    for (const std::string& warning : graphfeed::MemoryWarnings(config, *memory)) {
      log.Write(LogLevel::kWarn, "config.memory", {{"message", warning}});
    }
  }

  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of who writes it

  std::atomic<bool> failed = false;  // while it was serving
  absl::StatusOr<std::unique_ptr<graphfeed::Server>> server = absl::UnavailableError("not started");
  try {
    server = graphfeed::Server::Start(
        config, nullptr,
        [&failed](const absl::Status& status) {
          SayWhyNot(status.message());
          failed = true;
          (void)kill(getpid(), SIGTERM);
        },
        &log);
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
    log.Write(
        LogLevel::kWarn, "store.read_only",
        {{"message", graphfeed::StorePlace(config) + " cannot be written: it is served as it is"}});
  }
  if (const int64_t columns = (*server)->set_aside_columns(); columns > 0) {
    log.Write(LogLevel::kWarn, "store.set_aside",
              {{"columns", columns},
               {"message", "columns in " + graphfeed::StorePlace(config) +
                               " belong to no version; what no start uses for " +
                               absl::FormatDuration(config.sweep_after) + " is removed"}});
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
  log.Write(
      LogLevel::kInfo, "server.drain",
      {{"signal", int64_t{received}}, {"at_most", absl::FormatDuration(config.drain_timeout)}});
  (*server)->Shutdown(absl::Now() + config.drain_timeout);
  server->reset();
  log.Write(LogLevel::kInfo, "server.stop",
            {{"seconds", absl::ToDoubleSeconds(absl::Now() - started)},
             {"failed", failed.load()},
             {"dropped_lines", log.dropped()}});
  (void)log.Flush(absl::Seconds(2));
  return failed ? 1 : 0;
}
