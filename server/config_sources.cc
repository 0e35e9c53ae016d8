#include "server/config_sources.h"

#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/access/small_file.h"
#include "server/config_table.h"
#include "yaml-cpp/yaml.h"

namespace graphfeed {
namespace {

// What is wrong with a flag's value, without the flag.
absl::string_view AfterFlag(const absl::Status& status) {
  const absl::string_view message = status.message();
  return message.substr(message.find(": ") + 2);
}

// YAML's words for a switch are those of the flags, too.
std::string Plain(const Setting& setting, const std::string& value) {
  if (!std::holds_alternative<Setting::Switch>(setting.target)) return value;
  if (value == "true" || value == "yes") return "on";
  if (value == "false" || value == "no") return "off";
  return value;
}

}  // namespace

void ReadConfigFile(const std::string& path, ServerConfig& config,
                    std::vector<std::string>& problems) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) {
    problems.push_back(absl::StrCat("--config: ", text.status().message()));
    return;
  }
  YAML::Node file;
  try {
    file = YAML::Load(*text);
  } catch (const YAML::Exception& error) {
    problems.push_back(absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
    return;
  }
  if (file.IsNull()) return;
  if (!file.IsMap()) {
    problems.push_back(absl::StrCat(path, ": not a map of names to values"));
    return;
  }
  std::map<std::string, int> lines;
  for (const auto& entry : file) {
    const int line = entry.first.Mark().line + 1;
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const auto problem = [&](absl::string_view what) {
      problems.push_back(absl::StrCat(path, ":", line, ": ", name, ": ", what));
    };
    const Setting* const setting = FindSetting(name);
    if (setting == nullptr) {
      problem("there is no such setting; those of --help, without the dashes");
    } else if (!entry.second.IsScalar()) {
      problem("one value is wanted");
    } else if (const auto [earlier, first] = lines.emplace(name, line); !first) {
      problem(absl::StrCat("also in line ", earlier->second));
    } else if (const absl::Status status =
                   Set(*setting, Plain(*setting, entry.second.Scalar()), config);
               !status.ok()) {
      problem(AfterFlag(status));
    }
  }
}

void ReadEnvironment(const Environment& environment, ServerConfig& config,
                     std::vector<std::string>& problems) {
  for (const Setting& setting : Settings()) {
    const std::string name = EnvironmentName(setting);
    const char* const value = environment(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    if (const absl::Status status = Set(setting, value, config); !status.ok()) {
      problems.push_back(absl::StrCat(name, ": ", AfterFlag(status)));
    }
  }
}

}  // namespace graphfeed
