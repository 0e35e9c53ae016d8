#include "proto/wire/endpoint.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace graphfeed::wire {

std::optional<HostPort> ParseHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.empty() || host.find_first_of("[]:") != host.npos) {
    return std::nullopt;
  }
  int number = 0;
  if (port.empty() || !absl::ascii_isdigit(port.front()) || !absl::SimpleAtoi(port, &number) ||
      number > UINT16_MAX) {
    return std::nullopt;
  }
  return HostPort{.host = std::string(host), .port = static_cast<uint16_t>(number)};
}

std::optional<absl::string_view> UnixSocket(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "unix:") || absl::ConsumePrefix(&address, "unix-abstract:")) {
    return address;
  }
  return std::nullopt;
}

std::optional<absl::string_view> LocalFolder(absl::string_view address) {
  if (!absl::ConsumePrefix(&address, "local:")) return std::nullopt;
  return address;
}

std::string ListeningAddress(absl::string_view address, int port) {
  if (UnixSocket(address).has_value()) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace graphfeed::wire
