#include "proto/exposition/http_endpoint.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// A connection to a port of 127.0.0.1.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const std::string& text) {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // All until the other side closes.
  std::string ReceiveAll() {
    std::string all;
    for (std::string part = Receive(); !part.empty(); part = Receive()) all += part;
    return all;
  }
  // Waits for the first bytes; "" at the end.
  std::string Receive() {
    char bytes[256];
    const ssize_t count = recv(fd_, bytes, sizeof(bytes), 0);
    return {bytes, static_cast<size_t>(std::max<ssize_t>(count, 0))};
  }
  bool IsOpen() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }

 private:
  const int fd_;
};

std::string Ask(int port, const std::string& line) {
  Connection connection(port);
  connection.Send(line + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return connection.ReceiveAll();
}

TEST(HttpEndpointTest, PagesAreMadeWhenTheyAreAskedFor) {
  std::atomic<bool> ready = false;
  const auto endpoint = HttpEndpoint::Start(
      "127.0.0.1:0",
      {{"/metrics",
        [] {
          return HttpAnswer{200, "a_total 5\n"};
        }},
       {"/readyz", [&] {
          return ready ? HttpAnswer{200, "ready\n"} : HttpAnswer{503, "no step yet\n"};
        }}});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  const std::string metrics = Ask(port, "GET /metrics");
  EXPECT_THAT(metrics, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\na_total 5\n"));
  EXPECT_THAT(Ask(port, "HEAD /metrics"), Not(HasSubstr("a_total")));
  EXPECT_THAT(Ask(port, "GET /readyz?verbose"), HasSubstr(" 503 "));
  ready = true;
  EXPECT_THAT(Ask(port, "GET /readyz"), HasSubstr(" 200 "));
  EXPECT_THAT(Ask(port, "GET /etc/passwd"), HasSubstr(" 404 "));
  EXPECT_THAT(Ask(port, "POST /metrics"), HasSubstr(" 405 "));
}

TEST(HttpEndpointTest, NobodyWaitsForConnectionsThatSayNothing) {
  const auto endpoint =
      HttpEndpoint::Start("127.0.0.1:0", {{"/metrics", [] {
                                             return HttpAnswer{200, "a_total 5\n"};
                                           }}});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int port = (*endpoint)->port();
  std::deque<Connection> silent;
  for (int i = 0; i < 300; ++i) {
    silent.emplace_back(port);
    if (i % 2 == 0) silent.back().Send("GET /met");
  }
  EXPECT_THAT(Ask(port, "GET /metrics"), HasSubstr("200 OK"));
  // None had to be given up first.
  for (const Connection& connection : silent) EXPECT_TRUE(connection.IsOpen());
  silent.clear();
}

TEST(HttpEndpointTest, AnAddressThatCannotBeHadIsAnError) {
  const auto first = HttpEndpoint::Start("127.0.0.1:0", {});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto taken = HttpEndpoint::Start("127.0.0.1:" + std::to_string((*first)->port()), {});
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr("cannot serve metrics on"));
  EXPECT_FALSE(HttpEndpoint::Start("nonsense", {}).ok());
  EXPECT_FALSE(HttpEndpoint::Start("127.0.0.1:http", {}).ok());
  EXPECT_FALSE(HttpEndpoint::Start("127.0.0.1:65536", {}).ok());
  EXPECT_TRUE(HttpEndpoint::Start(":0", {}).ok());
}

}  // namespace
}  // namespace graphfeed
