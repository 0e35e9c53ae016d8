#include "server/config.h"

#include <algorithm>
#include <limits>
#include <sstream>
#include <utility>
#include <variant>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "proto/wire/limits.h"
#include "server/flag_values.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Members of ServerConfig by the way they are written.
struct Bytes {
  int64_t ServerConfig::*member;
  int64_t min;
  int64_t max = std::numeric_limits<int64_t>::max();
};
struct Number {
  int64_t ServerConfig::*member;
  int64_t min;
  int64_t max;
};
struct Address {
  std::string ServerConfig::*member;
  bool unix_sockets;
};
struct LogLevel {
  std::string ServerConfig::*member;
};
struct Switch {
  bool ServerConfig::*member;
};
using Text = std::string ServerConfig::*;
using Time = absl::Duration ServerConfig::*;

struct Flag {
  const char* name;
  const char* value;  // as the help shows it
  const char* help;
  std::variant<Text, Address, Bytes, Number, Time, LogLevel, Switch> target;
};

const std::vector<Flag>& Flags() {
  static const auto* const flags = new std::vector<Flag>{
      {"data-dir", "DIR", "where datasets are stored; created if missing", &ServerConfig::data_dir},
      {"snapshot-dir", "DIR",
       "where clients may have snapshots made; links take no room if it lies on the file system of "
       "--data-dir; empty: nowhere",
       &ServerConfig::snapshot_dir},
      {"listen", "ADDR", "address of the service, HOST:PORT or unix:PATH; port 0 picks a free one",
       Address{&ServerConfig::listen, /*unix_sockets=*/true}},
      {"metrics-listen", "ADDR", "address of /metrics for Prometheus, HOST:PORT; empty: none",
       Address{&ServerConfig::metrics_listen, /*unix_sockets=*/false}},
      {"memory-budget", "BYTES", "memory for cached data",
       Bytes{&ServerConfig::memory_budget, 1 << 20}},
      {"slab-memory", "BYTES",
       "memory for frames and seeds of all streams; a stream is refused without it",
       Bytes{&ServerConfig::slab_memory, 1 << 20}},
      {"plan-memory", "BYTES", "memory for plans of packed epochs",
       Bytes{&ServerConfig::plan_memory, 1 << 20}},
      {"ingest-memory", "BYTES", "memory of each running ingest",
       Bytes{&ServerConfig::ingest_memory, 1 << 20}},
      {"partition-memory", "BYTES",
       "memory of the running partition, most of it in a process of its own",
       Bytes{&ServerConfig::partition_memory, 64 << 20}},
      {"partition-program", "FILE",
       "the program graphfeed-partition; empty: the one beside this program",
       &ServerConfig::partition_program},
      {"request-memory", "BYTES",
       "memory for requests that are being read or answered; more are refused",
       Bytes{&ServerConfig::request_memory, 1 << 20}},
      {"max-frame-bytes", "BYTES", "largest frame that a request may ask for",
       Bytes{&ServerConfig::max_frame_bytes, 1 << 10, wire::kMaxFrameBytes}},
      {"build-threads", "N", "threads that build frames; 0: one for each processor",
       Number{&ServerConfig::build_threads, 0, 1024}},
      {"ingest-threads", "N", "threads that store what is ingested",
       Number{&ServerConfig::ingest_threads, 1, 64}},
      {"default-prefetch", "N", "frames ahead for streams that do not say",
       Number{&ServerConfig::default_prefetch, 1, 1024}},
      {"max-prefetch", "N", "frames ahead at most; more are clamped",
       Number{&ServerConfig::max_prefetch, 1, 1024}},
      {"max-streams", "N", "open streams at most", Number{&ServerConfig::max_streams, 1, 1000000}},
      {"shared-memory", "on|off",
       "whether clients of this host that come over a Unix socket may have frames in shared memory",
       Switch{&ServerConfig::shared_memory}},
      {"max-ingests", "N", "running ingests at most, and as many exports",
       Number{&ServerConfig::max_ingests, 1, 1000}},
      {"max-workers", "N",
       "workers that report at most; beyond them those that are gone are forgotten",
       Number{&ServerConfig::max_workers, 1, 1000000}},
      {"forget-workers-after", "TIME",
       "how long a worker that has stopped reporting is listed as gone",
       &ServerConfig::forget_workers_after},
      {"ingest-idle-timeout", "TIME",
       "how long an ingest may send nothing before it is ended and its place is free",
       &ServerConfig::ingest_idle_timeout},
      {"drain-timeout", "TIME", "how long running calls may take at shutdown (30s, 2m)",
       &ServerConfig::drain_timeout},
      {"sweep-after", "TIME",
       "how long what a crash left, and no version uses, is kept before it is removed",
       &ServerConfig::sweep_after},
      {"log-level", "LEVEL", "trace, debug, info, warn, error or off",
       LogLevel{&ServerConfig::log_level}},
  };
  return *flags;
}

absl::Status FlagError(absl::string_view name, absl::string_view value, absl::string_view limit) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": \"", value, "\"; ", limit));
}

// In the unit that a person reads it in: "23.4G".
std::string RoundBytes(int64_t bytes) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  return bytes < kGiB ? absl::StrFormat("%.0fM", static_cast<double>(bytes) / (1 << 20))
                      : absl::StrFormat("%.1fG", static_cast<double>(bytes) / kGiB);
}

// Sets what `flag` means to what was written.
absl::Status SetFlag(const Flag& flag, const std::string& value, ServerConfig& config) {
  if (const auto* text = std::get_if<Text>(&flag.target)) {
    config.** text = value;
  } else if (const auto* address = std::get_if<Address>(&flag.target)) {
    config.*(address->member) = value;
  } else if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
    const absl::StatusOr<int64_t> parsed = ParseBytes(value);
    if (!parsed.ok()) return FlagError(flag.name, value, parsed.status().message());
    config.*(bytes->member) = *parsed;
  } else if (const auto* number = std::get_if<Number>(&flag.target)) {
    if (!absl::SimpleAtoi(value, &(config.*(number->member)))) {
      return FlagError(flag.name, value, "a whole number");
    }
  } else if (const auto* level = std::get_if<LogLevel>(&flag.target)) {
    const absl::StatusOr<std::string> parsed = ParseLogLevel(value);
    if (!parsed.ok()) return FlagError(flag.name, value, parsed.status().message());
    config.*(level->member) = *parsed;
  } else if (const auto* either = std::get_if<Switch>(&flag.target)) {
    if (value != "on" && value != "off") return FlagError(flag.name, value, "on or off");
    config.*(either->member) = value == "on";
  } else if (!absl::ParseDuration(value, &(config.*std::get<Time>(flag.target)))) {
    return FlagError(flag.name, value, "a time, such as 30s or 2m");
  }
  return absl::OkStatus();
}

// Whether the value is one that a server can run with.
absl::Status CheckFlag(const Flag& flag, const ServerConfig& config) {
  if (const auto* address = std::get_if<Address>(&flag.target)) {
    const std::string& value = config.*(address->member);
    if (value.empty()) return absl::OkStatus();
    const absl::Status status = CheckAddress(value, address->unix_sockets);
    return status.ok() ? status : FlagError(flag.name, value, status.message());
  }
  if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
    const int64_t value = config.*(bytes->member);
    if (value >= bytes->min && value <= bytes->max) return absl::OkStatus();
    const std::string limit =
        bytes->max == std::numeric_limits<int64_t>::max()
            ? absl::StrCat("at least ", FormatBytes(bytes->min))
            : absl::StrCat(FormatBytes(bytes->min), " to ", FormatBytes(bytes->max));
    return FlagError(flag.name, FormatBytes(value), limit);
  }
  if (const auto* number = std::get_if<Number>(&flag.target)) {
    const int64_t value = config.*(number->member);
    if (value >= number->min && value <= number->max) return absl::OkStatus();
    return FlagError(flag.name, absl::StrCat(value),
                     absl::StrCat(number->min, " to ", number->max));
  }
  if (const auto* level = std::get_if<LogLevel>(&flag.target)) {
    const absl::Status status = ParseLogLevel(config.*(level->member)).status();
    return status.ok() ? status : FlagError(flag.name, config.*(level->member), status.message());
  }
  return absl::OkStatus();
}

std::string DefaultOf(const Flag& flag) {
  const ServerConfig defaults;
  if (const auto* text = std::get_if<Text>(&flag.target)) return defaults.**text;
  if (const auto* address = std::get_if<Address>(&flag.target)) {
    return defaults.*(address->member);
  }
  if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
    return FormatBytes(defaults.*(bytes->member));
  }
  if (const auto* number = std::get_if<Number>(&flag.target)) {
    return absl::StrCat(defaults.*(number->member));
  }
  if (const auto* level = std::get_if<LogLevel>(&flag.target)) return defaults.*(level->member);
  if (const auto* either = std::get_if<Switch>(&flag.target)) {
    return defaults.*(either->member) ? "on" : "off";
  }
  return absl::FormatDuration(defaults.*std::get<Time>(flag.target));
}

void AddFlag(CLI::App& app, const Flag& flag, ServerConfig& config) {
  CLI::Option* option = app.add_option_function<std::string>(
      absl::StrCat("--", flag.name),
      [&flag, &config](const std::string& value) {
        const absl::Status status = SetFlag(flag, value, config);
        if (!status.ok()) throw CLI::ValidationError(std::string(status.message()));
      },
      flag.help);
  option->type_name(flag.value)->default_str(DefaultOf(flag));
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// The library reads its arguments from the back. It takes "--flag=" as a flag whose value is the
// next argument, so a flag and its value are passed apart.
std::vector<std::string> ArgumentsFromTheBack(absl::Span<const char* const> arguments) {
  std::vector<std::string> result;
  for (const absl::string_view argument : arguments) {
    const size_t equals = argument.substr(0, 2) == "--" ? argument.find('=') : argument.npos;
    result.emplace_back(argument.substr(0, equals));
    if (equals != argument.npos) result.emplace_back(argument.substr(equals + 1));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

}  // namespace

const char* ServerVersion() { return GRAPHFEED_VERSION; }

absl::Status ValidateConfig(const ServerConfig& config) {
  if (config.data_dir.empty()) return FlagError("data-dir", "", "name a folder");
  if (config.listen.empty()) return FlagError("listen", "", "name an address");
  for (const Flag& flag : Flags()) GF_RETURN_IF_ERROR(CheckFlag(flag, config));
  if (config.drain_timeout < absl::ZeroDuration() || config.drain_timeout > absl::Hours(24)) {
    return FlagError("drain-timeout", absl::FormatDuration(config.drain_timeout), "0s to 24h");
  }
  if (config.ingest_idle_timeout <= absl::ZeroDuration()) {
    return FlagError("ingest-idle-timeout", absl::FormatDuration(config.ingest_idle_timeout),
                     "above 0s");
  }
  if (config.forget_workers_after < absl::ZeroDuration() ||
      config.forget_workers_after > absl::Hours(24 * 30)) {
    return FlagError("forget-workers-after", absl::FormatDuration(config.forget_workers_after),
                     "0s to 720h");
  }
  if (config.sweep_after < absl::ZeroDuration()) {
    return FlagError("sweep-after", absl::FormatDuration(config.sweep_after), "0s or more");
  }
  return absl::OkStatus();
}

std::vector<std::string> MemoryWarnings(const ServerConfig& config, int64_t memory_bytes) {
  std::vector<std::string> warnings;
  const std::string has = absl::StrCat("; the machine or container has ", RoundBytes(memory_bytes));
  int64_t sum = 0;
  for (const char* name : {"memory-budget", "slab-memory", "plan-memory", "request-memory",
                           "ingest-memory", "partition-memory"}) {
    const auto flag = std::find_if(Flags().begin(), Flags().end(), [&](const Flag& f) {
      return f.name == absl::string_view(name);
    });
    const int64_t value = config.*(std::get<Bytes>(flag->target).member);
    if (value > memory_bytes) {
      warnings.push_back(absl::StrCat("--", name, " is ", FormatBytes(value), has));
    }
    sum = value > std::numeric_limits<int64_t>::max() - sum ? std::numeric_limits<int64_t>::max()
                                                            : sum + value;
  }
  if (warnings.empty() && sum > memory_bytes) {
    warnings.push_back(absl::StrCat(
        "--memory-budget, --slab-memory, --plan-memory, --request-memory, --ingest-memory of one "
        "ingest and --partition-memory are ",
        RoundBytes(sum), " together", has));
  }
  return warnings;
}

absl::StatusOr<CommandLine> ParseFlags(absl::Span<const char* const> arguments) {
  CommandLine result;
  CLI::App app("Serves batches of graphs, of static shape, over gRPC.", "graphfeed-server");
  app.set_version_flag("--version", "graphfeed-server " GRAPHFEED_VERSION);
  app.get_formatter()->column_width(36);
  for (const Flag& flag : Flags()) AddFlag(app, flag, result.config);
  app.get_option("--data-dir")->required();
  app.footer(
      "BYTES may end in K, M, G or T (powers of 1024), or be written as Kubernetes does: 512Mi, "
      "1e9.\n"
      "Prints \"listening on ADDR\" and \"metrics on ADDR\" when it is ready.\n"
      "SIGTERM and SIGINT drain: running streams finish the frame that they are sending.");
  try {
    app.parse(ArgumentsFromTheBack(arguments));
  } catch (const CLI::ExtrasError&) {
    // The library lists all, last first, the values of unknown flags among them.
    return absl::InvalidArgumentError(
        absl::StrCat("there is no flag \"", app.remaining().front(), "\"; see --help"));
  } catch (const CLI::ParseError& error) {  // how the library ends, also after --help
    if (error.get_exit_code() != 0) return absl::InvalidArgumentError(error.what());
    std::ostringstream printed;
    app.exit(error, printed, printed);
    result.print = printed.str();
    return result;
  }
  GF_RETURN_IF_ERROR(ValidateConfig(result.config));
  return result;
}

}  // namespace graphfeed
