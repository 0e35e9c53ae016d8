#include "server/flag_values.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/wire/endpoint.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kUnits = "KMGTP";
// More are no number of bytes, and one more would not fit.
constexpr int kMaxDigits = 19;

// Appends the digits that `text` starts with to `value` and takes them away; returns how many.
int ConsumeDigits(absl::string_view& text, absl::uint128& value) {
  int count = 0;
  for (; !text.empty() && absl::ascii_isdigit(text.front()) && count <= kMaxDigits; ++count) {
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  return count;
}

// Ten to the power of `exponent`, at most kMaxDigits.
absl::uint128 PowerOfTen(int exponent) {
  absl::uint128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

}  // namespace

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  const auto error =
      absl::InvalidArgumentError("a number of bytes, such as 1048576, 512M, 4G, 1.5Gi or 1e9");
  absl::uint128 digits = 0;
  const int whole = ConsumeDigits(text, digits);
  int fraction = 0;
  if (absl::ConsumePrefix(&text, ".")) {
    fraction = ConsumeDigits(text, digits);
    if (fraction == 0) return error;
  }
  if (whole == 0 || whole + fraction > kMaxDigits) return error;
  absl::uint128 factor = 1;
  bool in_units = false;
  if (!text.empty()) {
    const char letter = absl::ascii_toupper(text.front());
    text.remove_prefix(1);
    if (letter == 'E') {
      absl::uint128 exponent = 0;
      const int exponent_digits = ConsumeDigits(text, exponent);
      if (exponent_digits == 0 || exponent > kMaxDigits) return error;
      factor = PowerOfTen(static_cast<int>(exponent));
    } else {
      const size_t unit = kUnits.find(letter);
      if (unit == absl::string_view::npos) return error;
      in_units = true;
      factor <<= static_cast<int>(10 * (unit + 1));
      if (!text.empty() && absl::ascii_toupper(text.front()) == 'I') text.remove_prefix(1);
    }
  }
  if (!text.empty()) return error;
  const absl::uint128 scale = PowerOfTen(fraction);
  const absl::uint128 bytes = digits * factor / scale;
  // Only a unit makes a whole number of "1.5"; no unit makes a byte of "0.0001K".
  if (digits * factor % scale != 0 && (!in_units || bytes == 0)) return error;
  if (bytes > std::numeric_limits<int64_t>::max()) return error;
  return static_cast<int64_t>(bytes);
}

std::string FormatBytes(int64_t bytes) {
  std::string unit;
  for (const char c : kUnits) {
    if (bytes == 0 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = c;
  }
  return absl::StrCat(bytes, unit);
}

absl::Status CheckAddress(absl::string_view address, bool unix_sockets) {
  const auto error = absl::InvalidArgumentError(absl::StrCat(
      "HOST:PORT, such as 0.0.0.0:50051 or [::]:50051", unix_sockets ? ", or unix:PATH" : ""));
  if (const auto socket = wire::UnixSocket(address); unix_sockets && socket.has_value()) {
    if (socket->find_first_of("#?,") != socket->npos) {
      return absl::InvalidArgumentError("a socket's name without '#', '?' and ','");
    }
    return socket->empty() ? error : absl::OkStatus();
  }
  for (const char* scheme : {"dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&address, scheme)) break;
  }
  return wire::ParseHostPort(address).has_value() ? absl::OkStatus() : error;
}

absl::StatusOr<std::string> ParseLogLevel(absl::string_view text) {
  constexpr std::array<std::pair<absl::string_view, absl::string_view>, 8> kLevels = {
      {{"trace", "trace"},
       {"debug", "debug"},
       {"info", "info"},
       {"warn", "warn"},
       {"warning", "warn"},
       {"error", "error"},
       {"err", "error"},
       {"off", "off"}}};
  for (const auto& [name, level] : kLevels) {
    if (absl::EqualsIgnoreCase(text, name)) return std::string(level);
  }
  return absl::InvalidArgumentError("trace, debug, info, warn, error or off");
}

}  // namespace graphfeed
