#ifndef GRAPHFEED_PROTO_WIRE_ENDPOINT_H_
#define GRAPHFEED_PROTO_WIRE_ENDPOINT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// Addresses as servers listen on them and clients connect to them.

namespace graphfeed::wire {

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;
};

// Takes "host:port" or "[ipv6]:port" apart. nullopt for anything else, also for an IPv6 address
// without brackets: where its port starts is anybody's guess.
std::optional<HostPort> ParseHostPort(absl::string_view text);

// The path or name behind "unix:" or "unix-abstract:"; nullopt for other addresses.
std::optional<absl::string_view> UnixSocket(absl::string_view address);

// The path behind "local:", a data folder that is served within the process; nullopt for others.
std::optional<absl::string_view> LocalFolder(absl::string_view address);

// What a server that was to listen on `address` says of itself: the host as it was given, the port
// as it was had. The socket of a path has none.
std::string ListeningAddress(absl::string_view address, int port);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_ENDPOINT_H_
