#ifndef GRAPHFEED_SERVER_FLAG_VALUES_H_
#define GRAPHFEED_SERVER_FLAG_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// What the flags of a server take. Errors say what a right value looks like and leave it to the
// caller to name flag and value.

// "1536", "512K", "512M", "4G", "1T", "1P" (powers of 1024), the same as Kubernetes writes them,
// "512Mi", "1.5Gi", "1e9", or in lower case. Not negative, nor less than one byte in the end; parts
// of a byte are left out.
absl::StatusOr<int64_t> ParseBytes(absl::string_view text);
// As the flags take it, in the largest unit that divides it: "1536K".
std::string FormatBytes(int64_t bytes);

// "host:port", "[ipv6]:port", or those after "dns:", "ipv4:" or "ipv6:"; with `unix_sockets` also
// "unix:path" and "unix-abstract:name". gRPC takes an address without a port, and listens at 443.
absl::Status CheckAddress(absl::string_view address, bool unix_sockets);

// The level that is meant, as LogLevelOf names it: "info" for "INFO", "warn" for "Warning".
absl::StatusOr<std::string> ParseLogLevel(absl::string_view text);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_FLAG_VALUES_H_
