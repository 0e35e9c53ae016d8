#ifndef GRAPHFEED_PROTO_EXPOSITION_HTTP_ENDPOINT_H_
#define GRAPHFEED_PROTO_EXPOSITION_HTTP_ENDPOINT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace graphfeed {

struct HttpAnswer {
  int status = 200;
  std::string text;  // plain text
};

// Pages that a program answers to monitoring: /metrics, /healthz. Not for data. Up to 31
// connections that say nothing keep nobody else waiting; each is closed after 5 s.
class HttpEndpoint {
 public:
  // By path; called on the endpoint's thread, for each GET.
  using Pages = std::map<std::string, std::function<HttpAnswer()>>;

  // Listens on "host:port", "[host]:port" or ":port" (all addresses); port 0 picks one. UNAVAILABLE
  // if that cannot be.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& address,
                                                             Pages pages);
  virtual ~HttpEndpoint() = default;  // after the requests that it is answering

  virtual int port() const = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_EXPOSITION_HTTP_ENDPOINT_H_
