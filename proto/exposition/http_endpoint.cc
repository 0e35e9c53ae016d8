#include "proto/exposition/http_endpoint.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "civetweb.h"
#include "proto/exposition/stop_listener.h"

namespace graphfeed {
namespace {

// A connection occupies a thread.
constexpr char kThreads[] = "32";
constexpr char kTimeoutMs[] = "5000";

absl::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

void Send(mg_connection* connection, const HttpAnswer& answer, bool with_text) {
  const std::string head =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", Reason(answer.status),
                   "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ",
                   answer.text.size(), "\r\nConnection: close\r\n\r\n");
  (void)mg_write(connection, head.data(), head.size());
  if (with_text) (void)mg_write(connection, answer.text.data(), answer.text.size());
}

class CivetEndpoint final : public HttpEndpoint {
 public:
  CivetEndpoint(std::string address, Pages pages)
      : address_(std::move(address)), pages_(std::move(pages)) {}
  ~CivetEndpoint() override {
    if (context_ != nullptr) StopListener(address_, port_, [this] { mg_stop(context_); });
  }

  absl::Status Listen() {
    static const unsigned initialized = mg_init_library(0);
    (void)initialized;
    mg_callbacks callbacks = {};
    callbacks.begin_request = [](mg_connection* connection) {
      const mg_request_info* request = mg_get_request_info(connection);
      static_cast<CivetEndpoint*>(request->user_data)->Answer(connection, *request);
      return 1;  // answered
    };
    const char* options[] = {"listening_ports",    address_.c_str(), "num_threads", kThreads,
                             "request_timeout_ms", kTimeoutMs,       nullptr};
    std::array<char, 256> why = {};
    mg_init_data init = {&callbacks, this, options};
    mg_error_data error = {};
    error.text = why.data();
    error.text_buffer_size = why.size();
    context_ = mg_start2(&init, &error);
    mg_server_port ports[1] = {};
    if (context_ == nullptr || mg_get_server_ports(context_, 1, ports) < 1) {
      return absl::UnavailableError(absl::StrCat("cannot serve metrics on \"", address_, "\"",
                                                 why[0] == 0 ? "" : ": ", why.data()));
    }
    port_ = ports[0].port;
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Answer(mg_connection* connection, const mg_request_info& request) const {
    const absl::string_view method = request.request_method;
    if (method != "GET" && method != "HEAD") {
      return Send(connection, {405, "only GET\n"}, true);
    }
    const auto page = pages_.find(request.local_uri == nullptr ? "" : request.local_uri);
    Send(connection, page == pages_.end() ? HttpAnswer{404, "no such page\n"} : page->second(),
         method == "GET");
  }

  const std::string address_;
  const Pages pages_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& address,
                                                                  Pages pages) {
  auto endpoint = std::make_unique<CivetEndpoint>(address, std::move(pages));
  if (absl::Status status = endpoint->Listen(); !status.ok()) return status;
  return endpoint;
}

}  // namespace graphfeed
