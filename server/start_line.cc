#include "server/start_line.h"

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/endpoint.h"
#include "server/config_table.h"

namespace graphfeed {

void LogStart(EventLog& log, const ServerConfig& config, const Catalog& catalog,
              const Started& started) {
  const std::vector<DatasetInfo> versions = catalog.List();
  std::set<std::string> names;
  for (const DatasetInfo& info : versions) names.insert(info.name);
  const EngineInfo kind = catalog.store_kind();
  std::vector<LogField> fields = {
      {"version", ServerVersion()},
      {"listen", wire::ListeningAddress(config.listen, started.port)},
      {"metrics", started.metrics_port == 0
                      ? std::string()
                      : wire::ListeningAddress(config.metrics_listen, started.metrics_port)},
      {"tls", config.tls_cert.empty()        ? "off"
              : config.tls_client_ca.empty() ? "on"
                                             : "mutual"},
      {"callers", AsksForCallers(config) ? "authenticated" : "anonymous"},
      {"store", kind.engine},
      {"storage_format", static_cast<int64_t>(kind.format)},
      {"read_only", started.read_only},
      {"datasets", static_cast<int64_t>(names.size())},
      {"versions", static_cast<int64_t>(versions.size())},
  };
  const ServerConfig defaults;
  std::deque<std::string> setting_names;  // fields refer to them
  for (const Setting& setting : Settings()) {
    std::string value = ValueOf(setting, config);
    if (value == ValueOf(setting, defaults)) continue;
    setting_names.push_back(absl::StrCat("config.", setting.name));
    fields.emplace_back(setting_names.back().c_str(), std::move(value));
  }
  log.Write(LogLevel::kInfo, "server.start", fields);
}

}  // namespace graphfeed
