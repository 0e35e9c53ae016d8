#include "proto/exposition/stop_listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace graphfeed {
namespace {

// A connection made before the thread was told to stop wakes it in vain.
constexpr absl::Duration kBetweenConnections = absl::Milliseconds(5);

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Null if `address` is not numeric.
Addresses Resolve(const std::string& address, int port) {
  const size_t colon = address.rfind(':');
  absl::string_view host(address.data(), colon == std::string::npos ? 0 : colon);
  absl::ConsumePrefix(&host, "+");  // civetweb: both families
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  // Without a host: loopback. A connection to a wildcard goes there too.
  const std::string numeric(host);
  if (getaddrinfo(numeric.empty() ? nullptr : numeric.c_str(), std::to_string(port).c_str(), &hints,
                  &found) != 0) {
    found = nullptr;
  }
  return {found, &freeaddrinfo};
}

// Makes a connection and closes it; not by a reset, which would take it back before the thread that
// has been told of it accepts it. Whether it succeeds does not matter: a socket that cannot take
// another one has some that wait, and poll() returns.
void ConnectOnce(const addrinfo& to) {
  const int fd = socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  (void)connect(fd, to.ai_addr, to.ai_addrlen);
  (void)close(fd);
}

}  // namespace

void StopListener(const std::string& address, int port, absl::FunctionRef<void()> stop) {
  const Addresses addresses = Resolve(address, port);
  absl::Notification stopped;
  std::thread stopping([&] {
    stop();
    stopped.Notify();
  });
  do {
    for (const addrinfo* to = addresses.get(); to != nullptr; to = to->ai_next) ConnectOnce(*to);
  } while (!stopped.WaitForNotificationWithTimeout(kBetweenConnections));
  stopping.join();
}

}  // namespace graphfeed
