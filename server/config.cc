#include "server/config.h"

#include <limits>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "proto/wire/requests.h"
#include "storage/graph/status_macros.h"

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
using Text = std::string ServerConfig::*;
using Time = absl::Duration ServerConfig::*;

struct Flag {
  absl::string_view name;
  absl::string_view value;  // as the help shows it
  absl::string_view help;
  std::variant<Text, Bytes, Number, Time> target;
};

const std::vector<Flag>& Flags() {
  static const auto* const flags = new std::vector<Flag>{
      {"data-dir", "DIR", "where datasets are stored; created if missing (required)",
       &ServerConfig::data_dir},
      {"snapshot-dir", "DIR",
       "where clients may have snapshots made; links take no room if it lies on the file system of "
       "--data-dir; empty: nowhere",
       &ServerConfig::snapshot_dir},
      {"listen", "ADDR", "address of the service; port 0 picks a free one", &ServerConfig::listen},
      {"metrics-listen", "ADDR", "address of /metrics for Prometheus; empty: none",
       &ServerConfig::metrics_listen},
      {"memory-budget", "BYTES", "memory for cached data",
       Bytes{&ServerConfig::memory_budget, 1 << 20}},
      {"slab-memory", "BYTES",
       "memory for frames and seeds of all streams; a stream is refused without it",
       Bytes{&ServerConfig::slab_memory, 1 << 20}},
      {"plan-memory", "BYTES", "memory for plans of packed epochs",
       Bytes{&ServerConfig::plan_memory, 1 << 20}},
      {"ingest-memory", "BYTES", "memory of each running ingest",
       Bytes{&ServerConfig::ingest_memory, 1 << 20}},
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
      {"max-ingests", "N", "running ingests at most, and as many exports",
       Number{&ServerConfig::max_ingests, 1, 1000}},
      {"drain-timeout", "TIME", "how long running calls may take at shutdown (30s, 2m)",
       &ServerConfig::drain_timeout},
      {"log-level", "LEVEL", "trace, debug, info, warn, error or off", &ServerConfig::log_level},
  };
  return *flags;
}

absl::Status FlagError(absl::string_view name, absl::string_view value, absl::string_view limit) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": \"", value, "\"; ", limit));
}

std::string FormatBytes(int64_t bytes) {
  constexpr absl::string_view kUnits = "KMGT";
  std::string unit;
  for (char c : kUnits) {
    if (bytes == 0 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = c;
  }
  return absl::StrCat(bytes, unit);
}

absl::Status SetFlag(const Flag& flag, absl::string_view value, ServerConfig& config) {
  if (const auto* text = std::get_if<Text>(&flag.target)) {
    config.** text = std::string(value);
  } else if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
    const absl::StatusOr<int64_t> parsed = ParseBytes(value);
    if (!parsed.ok()) return FlagError(flag.name, value, parsed.status().message());
    config.*(bytes->member) = *parsed;
  } else if (const auto* number = std::get_if<Number>(&flag.target)) {
    if (!absl::SimpleAtoi(value, &(config.*(number->member)))) {
      return FlagError(flag.name, value, "a whole number");
    }
  } else if (!absl::ParseDuration(value, &(config.*std::get<Time>(flag.target)))) {
    return FlagError(flag.name, value, "a time, such as 30s or 2m");
  }
  return absl::OkStatus();
}

std::string DefaultOf(const Flag& flag) {
  const ServerConfig defaults;
  if (const auto* text = std::get_if<Text>(&flag.target)) return defaults.**text;
  if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
    return FormatBytes(defaults.*(bytes->member));
  }
  if (const auto* number = std::get_if<Number>(&flag.target)) {
    return absl::StrCat(defaults.*(number->member));
  }
  return absl::FormatDuration(defaults.*std::get<Time>(flag.target));
}

const Flag* FindFlag(absl::string_view name) {
  for (const Flag& flag : Flags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  const auto error = absl::InvalidArgumentError("a number of bytes, such as 1048576, 512M or 4G");
  int shift = 0;
  if (!text.empty()) {
    const size_t unit = absl::string_view("KMGT").find(absl::ascii_toupper(text.back()));
    if (unit != absl::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < 0) return error;
  if (value > std::numeric_limits<int64_t>::max() >> shift) return error;
  return value << shift;
}

absl::Status ValidateConfig(const ServerConfig& config) {
  if (config.data_dir.empty()) return FlagError("data-dir", "", "name a folder");
  if (config.listen.empty()) return FlagError("listen", "", "name an address");
  for (const Flag& flag : Flags()) {
    if (const auto* bytes = std::get_if<Bytes>(&flag.target)) {
      const int64_t value = config.*(bytes->member);
      if (value < bytes->min || value > bytes->max) {
        return FlagError(flag.name, absl::StrCat(value),
                         absl::StrCat(FormatBytes(bytes->min), " to ", FormatBytes(bytes->max)));
      }
    } else if (const auto* number = std::get_if<Number>(&flag.target)) {
      const int64_t value = config.*(number->member);
      if (value < number->min || value > number->max) {
        return FlagError(flag.name, absl::StrCat(value),
                         absl::StrCat(number->min, " to ", number->max));
      }
    }
  }
  if (config.drain_timeout < absl::ZeroDuration() || config.drain_timeout > absl::Hours(24)) {
    return FlagError("drain-timeout", absl::FormatDuration(config.drain_timeout), "0s to 24h");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ServerConfig>> ParseFlags(absl::Span<const char* const> arguments) {
  ServerConfig config;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--help" || argument == "-h") return std::optional<ServerConfig>();
    if (!absl::ConsumePrefix(&argument, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", argument, "\": no such argument; see --help"));
    }
    const size_t equals = argument.find('=');
    const Flag* flag = FindFlag(argument.substr(0, equals));
    if (flag == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", argument.substr(0, equals), ": no such flag; see --help"));
    }
    absl::string_view value;
    if (equals != absl::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, ": needs a value"));
    }
    GF_RETURN_IF_ERROR(SetFlag(*flag, value, config));
  }
  GF_RETURN_IF_ERROR(ValidateConfig(config));
  return config;
}

std::string FlagsHelp() {
  std::string help =
      "usage: graphfeed-server --data-dir DIR [flags]\n\n"
      "Serves batches of graphs, of static shape, over gRPC.\n"
      "Prints \"listening on ADDR\" and \"metrics on ADDR\" when it is ready.\n"
      "SIGTERM and SIGINT drain: running streams finish the frame that they are sending.\n\n";
  for (const Flag& flag : Flags()) {
    const std::string default_value = DefaultOf(flag);
    absl::StrAppendFormat(&help, "  --%-24s %s%s\n", absl::StrCat(flag.name, " ", flag.value),
                          flag.help,
                          default_value.empty() ? "" : absl::StrCat(" [", default_value, "]"));
  }
  absl::StrAppend(&help, "\nBYTES may end in K, M, G or T.\n");
  return help;
}

}  // namespace graphfeed
