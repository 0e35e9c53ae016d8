#include "server/config.h"

#include <algorithm>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "proto/wire/endpoint.h"
#include "server/config_sources.h"
#include "server/config_table.h"
#include "server/flag_values.h"
#include "server/serving/retention.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// In the unit that a person reads it in: "23.4G".
std::string RoundBytes(int64_t bytes) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  return bytes < kGiB ? absl::StrFormat("%.0fM", static_cast<double>(bytes) / (1 << 20))
                      : absl::StrFormat("%.1fG", static_cast<double>(bytes) / kGiB);
}

void AddFlag(CLI::App& app, const Setting& setting, std::map<std::string, std::string>& given) {
  CLI::Option* option = app.add_option_function<std::string>(
      absl::StrCat("--", setting.name),
      [&setting, &given](const std::string& value) { given[setting.name] = value; }, setting.help);
  option->type_name(setting.value)->default_str(ValueOf(setting, ServerConfig()));
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

// Where datasets are stored: at exactly one place.
void CheckStore(const ServerConfig& config, std::vector<std::string>& problems) {
  const auto add = [&](absl::string_view name, absl::string_view value, absl::string_view limit) {
    problems.emplace_back(SettingError(name, value, limit).message());
  };
  if (config.data_dir.empty() && config.store.empty()) {
    add("data-dir", "", "name a folder, or another place with --store");
  }
  if (absl::StrContains(config.data_dir, "://")) {
    add("data-dir", config.data_dir, "a folder; other places are named with --store");
  }
  if (!config.cache_dir.empty() && !absl::StartsWith(config.store, "rados://")) {
    add("cache-dir", config.cache_dir,
        "for data that come over a network, with --store rados://POOL...; what is in a folder is "
        "on the local disk already");
  }
  if (config.store.empty()) return;
  if (!config.data_dir.empty()) {
    add("store", config.store,
        absl::StrCat("--data-dir is \"", config.data_dir, "\"; give one of both"));
  }
  if (!absl::StrContains(config.store, "://")) {
    add("store", config.store, "rados://POOL...; a folder is named with --data-dir");
  }
  if (!config.snapshot_dir.empty()) {
    add("snapshot-dir", config.snapshot_dir,
        "snapshots are made of --data-dir; versions of --store are exported or synced");
  }
}

// What no flag alone can tell.
void CheckTogether(const ServerConfig& config, std::vector<std::string>& problems) {
  const auto add = [&](absl::string_view name, absl::string_view value, absl::string_view limit) {
    problems.emplace_back(SettingError(name, value, limit).message());
  };
  CheckStore(config, problems);
  if (config.listen.empty()) add("listen", "", "name an address");
  const bool local = IsLocalAddress(config.listen);
  if (!local && !config.listen.empty() && !AsksForCallers(config) &&
      !config.allow_unauthenticated) {
    add("listen", config.listen,
        "other hosts can call there, and nobody is asked who they are: give --access, or "
        "--tls-client-ca with --tls-client-cert require, or say --allow-unauthenticated on");
  }
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    add(config.tls_cert.empty() ? "tls-cert" : "tls-key", "",
        config.tls_cert.empty() ? "--tls-key needs it" : "--tls-cert needs it");
  }
  if (!config.tls_client_ca.empty() && config.tls_cert.empty()) {
    add("tls-client-ca", config.tls_client_ca, "needs --tls-cert and --tls-key");
  }
  if (!config.tls_cert.empty() && wire::UnixSocket(config.listen).has_value()) {
    add("tls-cert", config.tls_cert,
        absl::StrCat("--listen is \"", config.listen,
                     "\", a Unix socket: its permissions say who may call"));
  }
  if (!config.follow.empty()) {
    for (const absl::string_view address : absl::StrSplit(config.follow, ',')) {
      const absl::Status status = CheckAddress(address, /*unix_sockets=*/true);
      if (!status.ok()) add("follow", config.follow, status.message());
    }
  }
  if (config.follow_max_lag > absl::ZeroDuration() && config.follow_max_lag < config.follow_every) {
    add("follow-max-lag", absl::FormatDuration(config.follow_max_lag),
        absl::StrCat("0s, or at least --follow-every, ",
                     absl::FormatDuration(config.follow_every)));
  }
}

// What a server does to its data by itself.
void CheckUpkeep(const ServerConfig& config, std::vector<std::string>& problems) {
  const auto add = [&](absl::string_view name, absl::string_view value, absl::string_view limit) {
    problems.emplace_back(SettingError(name, value, limit).message());
  };
  if (const auto pins = ParsePins(config.pin); !pins.ok()) {
    add("pin", config.pin, pins.status().message());
  }
  // What is removed here and kept there would be copied again and again.
  constexpr absl::string_view kTheSources =
      "with --follow, what is kept is decided where it is from";
  if (!config.follow.empty() && config.keep_versions != 0) {
    add("keep-versions", absl::StrCat(config.keep_versions), kTheSources);
  }
  if (!config.follow.empty() && config.keep_for != absl::ZeroDuration()) {
    add("keep-for", absl::FormatDuration(config.keep_for), kTheSources);
  }
  if (!config.follow.empty() && config.follow_deletes && !config.pin.empty()) {
    add("pin", config.pin, "with --follow, --follow-deletes off: what is deleted there goes here");
  }
  if (config.snapshot_every == absl::ZeroDuration()) return;
  const std::string every = absl::FormatDuration(config.snapshot_every);
  if (config.snapshot_dir.empty()) add("snapshot-every", every, "needs --snapshot-dir");
  if (config.snapshot_every < absl::Seconds(1)) add("snapshot-every", every, "0s, or at least 1s");
}

absl::Status Join(const std::vector<std::string>& problems) {
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

void CheckConfig(const ServerConfig& config, std::vector<std::string>& problems) {
  CheckTogether(config, problems);
  CheckUpkeep(config, problems);
  for (const Setting& setting : Settings()) {
    const absl::Status status = Check(setting, config);
    if (!status.ok()) problems.emplace_back(status.message());
  }
}

}  // namespace

const std::string& StorePlace(const ServerConfig& config) {
  return config.store.empty() ? config.data_dir : config.store;
}

bool IsLocalAddress(absl::string_view listen) {
  if (wire::UnixSocket(listen).has_value()) return true;
  for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&listen, scheme)) break;
  }
  const absl::string_view host = listen.substr(0, listen.rfind(':'));
  return host == "localhost" || host == "[::1]" || host == "::1" ||
         (absl::StartsWith(host, "127.") && std::count(host.begin(), host.end(), '.') == 3);
}

bool AsksForCallers(const ServerConfig& config) {
  return !config.access.empty() ||
         (!config.tls_client_ca.empty() && config.tls_client_cert == "require");
}

const char* ServerVersion() { return GRAPHFEED_VERSION; }

std::vector<std::string> ChangedSettings(const ServerConfig& before, const ServerConfig& after) {
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) {
    if (ValueOf(setting, before) != ValueOf(setting, after)) {
      names.push_back(absl::StrCat("--", setting.name));
    }
  }
  return names;
}

absl::Status ValidateConfig(const ServerConfig& config) {
  std::vector<std::string> problems;
  CheckConfig(config, problems);
  return Join(problems);
}

std::vector<std::string> MemoryWarnings(const ServerConfig& config, int64_t memory_bytes) {
  std::vector<std::string> warnings;
  const std::string has = absl::StrCat("; the machine or container has ", RoundBytes(memory_bytes));
  int64_t sum = 0;
  for (const char* name : {"memory-budget", "slab-memory", "plan-memory", "request-memory",
                           "ingest-memory", "partition-memory"}) {
    const int64_t value = config.*(std::get<Setting::Bytes>(FindSetting(name)->target).member);
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

absl::StatusOr<CommandLine> ParseFlags(
    absl::Span<const char* const> arguments, const Environment& environment,
    const std::function<absl::Status(const ServerConfig&)>& files) {
  CommandLine result;
  std::map<std::string, std::string> given;
  CLI::App app("Serves batches of graphs, of static shape, over gRPC.", "graphfeed-server");
  app.set_version_flag("--version", "graphfeed-server " GRAPHFEED_VERSION);
  app.get_formatter()->column_width(36);
  app.add_option("--config", result.config_file,
                 "a YAML file of these settings by their names: \"data-dir: /data\"")
      ->type_name("FILE");
  app.add_flag("--check-config", result.check_only,
               "say all that is wrong with flags, environment and file, and end: 0 if nothing is");
  for (const Setting& setting : Settings()) AddFlag(app, setting, given);
  app.footer(
      "Each setting may also be in the file of --config, or in the environment, as --data-dir is "
      "in\n"
      "GRAPHFEED_DATA_DIR; flags win over the environment, and that over the file.\n"
      "BYTES may end in K, M, G, T or P (powers of 1024), or be written as Kubernetes does: "
      "512Mi, 1e9.\n"
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
  std::vector<std::string> problems;
  if (result.config_file.empty() && environment != nullptr) {
    const char* const file = environment("GRAPHFEED_CONFIG");
    if (file != nullptr) result.config_file = file;
  }
  if (!result.config_file.empty()) ReadConfigFile(result.config_file, result.config, problems);
  if (environment != nullptr) ReadEnvironment(environment, result.config, problems);
  for (const auto& [name, value] : given) {
    const absl::Status status = Set(*FindSetting(name), value, result.config);
    if (!status.ok()) problems.emplace_back(status.message());
  }
  CheckConfig(result.config, problems);
  if (files != nullptr) {
    const absl::Status status = files(result.config);
    if (!status.ok()) problems.emplace_back(status.message());
  }
  GF_RETURN_IF_ERROR(Join(problems));
  return result;
}

}  // namespace graphfeed
