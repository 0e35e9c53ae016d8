#include "proto/exposition/http_endpoint.h"

#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace graphfeed {
namespace {

// Of a connection on which nothing happens.
constexpr unsigned kTimeoutSeconds = 5;
constexpr unsigned kMaxConnections = 1000;

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot serve metrics on \"", address, "\": ", why));
}

// A listening socket. Without a host: on all addresses.
absl::StatusOr<int> Listen(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return CannotListen(address, "not HOST:PORT with a port from 0 to 65535");
  }
  absl::string_view host(address.data(), colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int unresolved = getaddrinfo(host.empty() ? nullptr : std::string(host).c_str(),
                                     address.c_str() + colon + 1, &hints, &found);
  if (unresolved != 0) return CannotListen(address, gai_strerror(unresolved));
  int error = 0;
  int fd = -1;
  for (const addrinfo* to = found; to != nullptr && fd < 0; to = to->ai_next) {
    fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
                    bind(fd, to->ai_addr, to->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)) {
      error = errno;
      (void)close(fd);
      fd = -1;
    } else if (fd < 0) {
      error = errno;
    }
  }
  freeaddrinfo(found);
  if (fd < 0) return CannotListen(address, std::strerror(error));
  return fd;
}

int PortOf(int fd) {
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

// One thread of libmicrohttpd's, which waits for all connections at once.
class MicroEndpoint final : public HttpEndpoint {
 public:
  explicit MicroEndpoint(Pages pages) : pages_(std::move(pages)) {}
  ~MicroEndpoint() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  absl::Status Serve(const std::string& address) {
    const absl::StatusOr<int> fd = Listen(address);
    if (!fd.ok()) return fd.status();
    port_ = PortOf(*fd);
    daemon_ = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, &Answer, this,
                               MHD_OPTION_LISTEN_SOCKET, *fd, MHD_OPTION_CONNECTION_TIMEOUT,
                               kTimeoutSeconds, MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
                               MHD_OPTION_END);
    if (daemon_ != nullptr) return absl::OkStatus();
    (void)close(*fd);
    return CannotListen(address, "no thread for it");
  }

  int port() const override { return port_; }

 private:
  static MHD_Result Answer(void* self, MHD_Connection* connection, const char* url,
                           const char* method, const char* /*version*/, const char* /*upload*/,
                           size_t* upload_bytes, void** seen) {
    // A request's body comes in pieces, which nobody reads; the answer goes out behind it.
    if (*seen == nullptr || *upload_bytes > 0) {
      *seen = self;
      *upload_bytes = 0;
      return MHD_YES;
    }
    const Pages& pages = static_cast<MicroEndpoint*>(self)->pages_;
    const auto page = pages.find(url);
    const bool reads = std::strcmp(method, "GET") == 0 || std::strcmp(method, "HEAD") == 0;
    HttpAnswer answer{MHD_HTTP_NOT_FOUND, "no such page\n"};
    if (!reads) {
      answer = {MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n"};
    } else if (page != pages.end()) {
      answer = page->second();
    }
    MHD_Response* response = MHD_create_response_from_buffer(answer.text.size(), answer.text.data(),
                                                             MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type",
                                  "text/plain; version=0.0.4; charset=utf-8");
    const MHD_Result queued =
        MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
    MHD_destroy_response(response);
    return queued;
  }

  const Pages pages_;
  MHD_Daemon* daemon_ = nullptr;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& address,
                                                                  Pages pages) {
  auto endpoint = std::make_unique<MicroEndpoint>(std::move(pages));
  if (absl::Status status = endpoint->Serve(address); !status.ok()) return status;
  return endpoint;
}

}  // namespace graphfeed
