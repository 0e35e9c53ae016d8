#include "server/config_table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "proto/wire/limits.h"
#include "server/flag_values.h"

namespace graphfeed {

const std::vector<Setting>& Settings() {
  static const auto* const flags = new std::vector<Setting>{
      {"data-dir", "DIR", "where datasets are stored; created if missing", &ServerConfig::data_dir},
      {"store", "LOCATION",
       "instead of --data-dir: where else they are stored, such as a pool of Ceph RADOS that "
       "servers "
       "share, rados://POOL[/NAMESPACE][?conf=FILE][&id=USER]",
       &ServerConfig::store},
      {"cache-dir", "DIR",
       "with --store: a folder of the local disk, of nobody else, for data that do not fit into "
       "--memory-budget; empty: none",
       &ServerConfig::cache_dir},
      {"cache-disk", "BYTES", "how much --cache-dir may hold",
       Setting::Bytes{&ServerConfig::cache_disk, 64 << 20}},
      {"snapshot-dir", "DIR",
       "where clients may have snapshots made; links take no room if it lies on the file system of "
       "--data-dir; empty: nowhere",
       &ServerConfig::snapshot_dir},
      {"listen", "ADDR", "address of the service, HOST:PORT or unix:PATH; port 0 picks a free one",
       Setting::Address{&ServerConfig::listen, /*unix_sockets=*/true}},
      {"metrics-listen", "ADDR", "address of /metrics for Prometheus, HOST:PORT; empty: none",
       Setting::Address{&ServerConfig::metrics_listen, /*unix_sockets=*/false}},
      {"memory-budget", "BYTES", "memory for cached data",
       Setting::Bytes{&ServerConfig::memory_budget, 1 << 20}},
      {"slab-memory", "BYTES",
       "memory for frames and seeds of all streams; a stream is refused without it",
       Setting::Bytes{&ServerConfig::slab_memory, 1 << 20}},
      {"plan-memory", "BYTES", "memory for plans of packed epochs",
       Setting::Bytes{&ServerConfig::plan_memory, 1 << 20}},
      {"ingest-memory", "BYTES", "memory of each running ingest",
       Setting::Bytes{&ServerConfig::ingest_memory, 1 << 20}},
      {"partition-memory", "BYTES",
       "memory of the running partition, most of it in a process of its own",
       Setting::Bytes{&ServerConfig::partition_memory, 64 << 20}},
      {"partition-program", "FILE",
       "the program graphfeed-partition; empty: the one beside this program",
       &ServerConfig::partition_program},
      {"request-memory", "BYTES",
       "memory for requests that are being read or answered; more are refused",
       Setting::Bytes{&ServerConfig::request_memory, 1 << 20}},
      {"max-frame-bytes", "BYTES", "largest frame that a request may ask for",
       Setting::Bytes{&ServerConfig::max_frame_bytes, 1 << 10, wire::kMaxFrameBytes}},
      {"build-threads", "N",
       "threads that build frames; 0: one for each processor, four of them with --store",
       Setting::Number{&ServerConfig::build_threads, 0, 1024}},
      {"ingest-threads", "N", "threads that store what is ingested",
       Setting::Number{&ServerConfig::ingest_threads, 1, 64}},
      {"default-prefetch", "N", "frames ahead for streams that do not say",
       Setting::Number{&ServerConfig::default_prefetch, 1, 1024}},
      {"max-prefetch", "N", "frames ahead at most; more are clamped",
       Setting::Number{&ServerConfig::max_prefetch, 1, 1024}},
      {"max-streams", "N", "open streams at most",
       Setting::Number{&ServerConfig::max_streams, 1, 1000000}},
      {"stream-max-age", "TIME",
       "how long a stream may be at this server, give or take a fifth, before it goes on at the "
       "replica that has least to do; 0s: for ever",
       Setting::Time{&ServerConfig::stream_max_age, absl::ZeroDuration(), absl::Hours(24 * 365)}},
      {"stream-wait", "TIME",
       "how long a new stream waits for memory and a place, in the order of coming, before it is "
       "refused",
       Setting::Time{&ServerConfig::stream_wait, absl::ZeroDuration(), absl::Hours(1)}},
      {"stream-idle-timeout", "TIME",
       "a stream whose client takes nothing for so long is ended, and goes on when the client "
       "does; "
       "0s: never",
       Setting::Time{&ServerConfig::stream_idle_timeout, absl::ZeroDuration(),
                     absl::Hours(24 * 365)}},
      {"shared-memory", "on|off",
       "whether clients of this host that come over a Unix socket may have frames in shared memory",
       Setting::Switch{&ServerConfig::shared_memory}},
      {"max-ingests", "N", "running ingests at most, and as many exports",
       Setting::Number{&ServerConfig::max_ingests, 1, 1000}},
      {"max-workers", "N",
       "workers that report at most; beyond them those that are gone are forgotten",
       Setting::Number{&ServerConfig::max_workers, 1, 1000000}},
      {"forget-workers-after", "TIME",
       "how long a worker that has stopped reporting is listed as gone",
       Setting::Time{&ServerConfig::forget_workers_after, absl::ZeroDuration(),
                     absl::Hours(24 * 30)}},
      {"ingest-idle-timeout", "TIME",
       "how long an ingest may send nothing before it is ended and its place is free",
       Setting::Time{&ServerConfig::ingest_idle_timeout, absl::Milliseconds(1),
                     absl::Hours(24 * 365)}},
      {"drain-timeout", "TIME", "how long running calls may take at shutdown (30s, 2m)",
       Setting::Time{&ServerConfig::drain_timeout, absl::ZeroDuration(), absl::Hours(24)}},
      {"sweep-after", "TIME",
       "how long what a crash left, and no version uses, is kept before it is removed",
       Setting::Time{&ServerConfig::sweep_after, absl::ZeroDuration(), absl::Hours(24 * 365)}},
      {"access", "FILE",
       "YAML: who may do what, by tokens and names in certificates (docs/security.md); read again "
       "when it changes; empty: everybody may do everything",
       &ServerConfig::access},
      {"allow-unauthenticated", "on|off",
       "whether to listen where other hosts can call without --access or --tls-client-ca",
       Setting::Switch{&ServerConfig::allow_unauthenticated}},
      {"tls-cert", "FILE", "the server's certificate chain, PEM, with --tls-key; empty: no TLS",
       &ServerConfig::tls_cert},
      {"tls-key", "FILE", "the key of --tls-cert, PEM", &ServerConfig::tls_key},
      {"tls-client-ca", "FILE", "PEM certificates that clients' certificates must come from",
       &ServerConfig::tls_client_ca},
      {"tls-client-cert", "request|require",
       "whether a client without a certificate may show a token instead",
       Setting::Word{&ServerConfig::tls_client_cert, {"request", "require"}}},
      {"reflection", "auto|on|off",
       "whether the service describes itself to tools; auto: where only this host can call",
       Setting::Word{&ServerConfig::reflection, {"auto", "on", "off"}}},
      {"read-only", "on|off",
       "whether this is a replica: clients may not ingest, delete or partition here",
       Setting::Switch{&ServerConfig::read_only}},
      {"follow", "ADDR[,ADDR]",
       "a server whose versions are copied here as they come, and others that stand in for it; "
       "clients change nothing here; empty: none",
       &ServerConfig::follow},
      {"follow-root-ca", "FILE",
       "PEM certificates that the certificate of --follow comes from, or \"system\"; empty: no TLS",
       &ServerConfig::follow_root_ca},
      {"follow-cert", "FILE", "PEM certificate that is shown to --follow",
       &ServerConfig::follow_cert},
      {"follow-key", "FILE", "PEM key of --follow-cert", &ServerConfig::follow_key},
      {"follow-token-file", "FILE",
       "file of the token that is shown to --follow: of a reader, for all datasets that are wanted",
       &ServerConfig::follow_token_file},
      {"follow-every", "TIME", "how often it is looked at what there is to be copied",
       Setting::Time{&ServerConfig::follow_every, absl::Milliseconds(10), absl::Hours(24)}},
      {"follow-max-lag", "TIME",
       "how old the last complete look may be before this server is not ready; 0s: however old",
       Setting::Time{&ServerConfig::follow_max_lag, absl::ZeroDuration(), absl::Hours(24 * 30)}},
      {"follow-deletes", "on|off", "whether versions that are deleted there are deleted here",
       Setting::Switch{&ServerConfig::follow_deletes}},
      {"keep-versions", "N",
       "how many versions of each dataset are kept, the newest; older ones are removed; 0: all",
       Setting::Number{&ServerConfig::keep_versions, 0, 1000000}},
      {"keep-for", "TIME",
       "how long versions are kept, but the newest of each dataset; with --keep-versions what "
       "either keeps; 0s: for ever",
       Setting::Time{&ServerConfig::keep_for, absl::ZeroDuration(), absl::Hours(24 * 3650)}},
      {"keep-used", "TIME", "how long a version that was in use is not removed by either",
       Setting::Time{&ServerConfig::keep_used, absl::ZeroDuration(), absl::Hours(24 * 30)}},
      {"pin", "NAME[@VERSION],...", "versions, or datasets, of which nothing is removed or deleted",
       &ServerConfig::pin},
      {"snapshot-every", "TIME", "how often a snapshot is made in --snapshot-dir; 0s: never",
       Setting::Time{&ServerConfig::snapshot_every, absl::ZeroDuration(), absl::Hours(24 * 365)}},
      {"snapshot-keep", "N", "how many of those snapshots are kept",
       Setting::Number{&ServerConfig::snapshot_keep, 1, 100000}},
      {"min-free-disk", "BYTES",
       "free disk below which ingests, partitions and snapshots are refused or ended; 0: never",
       Setting::Bytes{&ServerConfig::min_free_disk, 0}},
      {"log-level", "LEVEL", "trace, debug, info, warn, error or off",
       Setting::LogLevel{&ServerConfig::log_level}},
      {"log-format", "text|json", "lines for people, or an object of JSON each",
       Setting::Word{&ServerConfig::log_format, {"text", "json"}}},
      {"audit-log", "FILE",
       "file that who changed what, and who was refused, is appended to; empty: none",
       &ServerConfig::audit_log},
      {"slow-build", "TIME", "a frame that takes longer to build is warned of",
       Setting::Time{&ServerConfig::slow_build, absl::Milliseconds(1), absl::Hours(24)}},
  };
  return *flags;
}

namespace {

std::string Written(absl::Duration time) {
  if (time == absl::ZeroDuration()) return "0s";
  const int64_t hours = time / absl::Hours(1);
  return time == absl::Hours(hours) ? absl::StrCat(hours, "h") : absl::FormatDuration(time);
}

}  // namespace

const Setting* FindSetting(absl::string_view name) {
  const auto found = std::find_if(Settings().begin(), Settings().end(),
                                  [&](const Setting& setting) { return setting.name == name; });
  return found == Settings().end() ? nullptr : &*found;
}

std::string EnvironmentName(const Setting& setting) {
  return absl::StrCat("GRAPHFEED_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(setting.name, {{"-", "_"}})));
}

absl::Status SettingError(absl::string_view name, absl::string_view value,
                          absl::string_view limit) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": \"", value, "\"; ", limit));
}

absl::Status Set(const Setting& setting, const std::string& value, ServerConfig& config) {
  const auto error = [&](absl::string_view limit) {
    return SettingError(setting.name, value, limit);
  };
  if (const auto* text = std::get_if<Setting::Text>(&setting.target)) {
    config.** text = value;
  } else if (const auto* address = std::get_if<Setting::Address>(&setting.target)) {
    config.*(address->member) = value;
  } else if (const auto* word = std::get_if<Setting::Word>(&setting.target)) {
    config.*(word->member) = value;
  } else if (const auto* bytes = std::get_if<Setting::Bytes>(&setting.target)) {
    const absl::StatusOr<int64_t> parsed = ParseBytes(value);
    if (!parsed.ok()) return error(parsed.status().message());
    config.*(bytes->member) = *parsed;
  } else if (const auto* number = std::get_if<Setting::Number>(&setting.target)) {
    if (!absl::SimpleAtoi(value, &(config.*(number->member)))) return error("a whole number");
  } else if (const auto* level = std::get_if<Setting::LogLevel>(&setting.target)) {
    const absl::StatusOr<std::string> parsed = ParseLogLevel(value);
    if (!parsed.ok()) return error(parsed.status().message());
    config.*(level->member) = *parsed;
  } else if (const auto* either = std::get_if<Setting::Switch>(&setting.target)) {
    if (value != "on" && value != "off") return error("on or off");
    config.*(either->member) = value == "on";
  } else if (const auto* time = std::get_if<Setting::Time>(&setting.target)) {
    if (!absl::ParseDuration(value, &(config.*(time->member)))) {
      return error("a time, such as 30s or 2m");
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const Setting& setting, const ServerConfig& config) {
  const auto error = [&](absl::string_view limit) {
    return SettingError(setting.name, ValueOf(setting, config), limit);
  };
  if (const auto* address = std::get_if<Setting::Address>(&setting.target)) {
    const std::string& value = config.*(address->member);
    if (value.empty()) return absl::OkStatus();
    const absl::Status status = CheckAddress(value, address->unix_sockets);
    return status.ok() ? status : error(status.message());
  }
  if (const auto* word = std::get_if<Setting::Word>(&setting.target)) {
    const std::vector<const char*>& words = word->words;
    if (std::find(words.begin(), words.end(), config.*(word->member)) != words.end()) {
      return absl::OkStatus();
    }
    return error(absl::StrCat("one of ", absl::StrJoin(words, ", ")));
  }
  if (const auto* bytes = std::get_if<Setting::Bytes>(&setting.target)) {
    const int64_t value = config.*(bytes->member);
    if (value >= bytes->min && value <= bytes->max) return absl::OkStatus();
    return error(bytes->max == Setting::kMostBytes && value < bytes->min
                     ? absl::StrCat("at least ", FormatBytes(bytes->min))
                     : absl::StrCat(FormatBytes(bytes->min), " to ", FormatBytes(bytes->max)));
  }
  if (const auto* number = std::get_if<Setting::Number>(&setting.target)) {
    const int64_t value = config.*(number->member);
    if (value >= number->min && value <= number->max) return absl::OkStatus();
    return error(absl::StrCat(number->min, " to ", number->max));
  }
  if (const auto* level = std::get_if<Setting::LogLevel>(&setting.target)) {
    const absl::Status status = ParseLogLevel(config.*(level->member)).status();
    return status.ok() ? status : error(status.message());
  }
  if (const auto* time = std::get_if<Setting::Time>(&setting.target)) {
    const absl::Duration value = config.*(time->member);
    if (value >= time->min && value <= time->max) return absl::OkStatus();
    return error(absl::StrCat(Written(time->min), " to ", Written(time->max)));
  }
  return absl::OkStatus();
}

std::string ValueOf(const Setting& setting, const ServerConfig& config) {
  if (const auto* text = std::get_if<Setting::Text>(&setting.target)) return config.**text;
  if (const auto* address = std::get_if<Setting::Address>(&setting.target)) {
    return config.*(address->member);
  }
  if (const auto* word = std::get_if<Setting::Word>(&setting.target)) {
    return config.*(word->member);
  }
  if (const auto* bytes = std::get_if<Setting::Bytes>(&setting.target)) {
    return FormatBytes(config.*(bytes->member));
  }
  if (const auto* number = std::get_if<Setting::Number>(&setting.target)) {
    return absl::StrCat(config.*(number->member));
  }
  if (const auto* level = std::get_if<Setting::LogLevel>(&setting.target)) {
    return config.*(level->member);
  }
  if (const auto* either = std::get_if<Setting::Switch>(&setting.target)) {
    return config.*(either->member) ? "on" : "off";
  }
  return absl::FormatDuration(config.*(std::get<Setting::Time>(setting.target).member));
}

}  // namespace graphfeed
