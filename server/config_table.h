#ifndef GRAPHFEED_SERVER_CONFIG_TABLE_H_
#define GRAPHFEED_SERVER_CONFIG_TABLE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/config.h"

namespace graphfeed {

// What a server can be told: a row for each flag, which is also a key of the configuration file and
// a variable of the environment.
struct Setting {
  // Members of ServerConfig by the way they are written.
  // Sums of a few such values fit.
  static constexpr int64_t kMostBytes = int64_t{1} << 60;
  struct Bytes {
    int64_t ServerConfig::*member;
    int64_t min;
    int64_t max = kMostBytes;
  };
  struct Number {
    int64_t ServerConfig::*member;
    int64_t min;
    int64_t max;
  };
  struct Time {
    absl::Duration ServerConfig::*member;
    absl::Duration min;
    absl::Duration max;
  };
  struct Address {
    std::string ServerConfig::*member;
    bool unix_sockets;
  };
  // One of some words.
  struct Word {
    std::string ServerConfig::*member;
    std::vector<const char*> words;
  };
  struct LogLevel {
    std::string ServerConfig::*member;
  };
  struct Switch {
    bool ServerConfig::*member;
  };
  using Text = std::string ServerConfig::*;

  const char* name;   // of the flag, without its dashes
  const char* value;  // as the help shows it
  const char* help;
  std::variant<Text, Address, Bytes, Number, Time, Word, LogLevel, Switch> target;
};

const std::vector<Setting>& Settings();
// Null if there is none.
const Setting* FindSetting(absl::string_view name);
// "GRAPHFEED_DATA_DIR" for "data-dir".
std::string EnvironmentName(const Setting& setting);

// Sets what `setting` means to what was written. INVALID_ARGUMENT, here and below: value and limit,
// after the flag.
absl::Status Set(const Setting& setting, const std::string& value, ServerConfig& config);
// Whether its value is one that a server can run with.
absl::Status Check(const Setting& setting, const ServerConfig& config);
// Its value as it would be written.
std::string ValueOf(const Setting& setting, const ServerConfig& config);

// "--name: "value"; limit".
absl::Status SettingError(absl::string_view name, absl::string_view value, absl::string_view limit);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_CONFIG_TABLE_H_
