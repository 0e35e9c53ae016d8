#include "proto/exposition/stop_listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace graphfeed {
namespace {

// Notices that it is to stop only when a connection comes: alone it would wait for ever.
class Listener {
 public:
  explicit Listener(const char* host) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, host, &address.sin_addr);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 4), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Listener() { close(fd_); }

  int port() const { return port_; }

  void Stop() {
    stop_ = true;
    thread_.join();
    stopped_ = true;
  }
  bool stopped() const { return stopped_; }

 private:
  void Run() {
    while (!stop_) {
      pollfd ready = {.fd = fd_, .events = POLLIN, .revents = 0};
      poll(&ready, 1, -1);
      if (!stop_) close(accept(fd_, nullptr, nullptr));
    }
  }

  int fd_;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

TEST(StopListenerTest, WakesWhoWaitsForConnections) {
  struct Case {
    const char* bound;
    const char* address;
  };
  for (const Case& c : {Case{"127.0.0.1", "127.0.0.1:0"}, Case{"0.0.0.0", "0.0.0.0:0"},
                        Case{"0.0.0.0", ":0"}, Case{"0.0.0.0", "0"}}) {
    Listener listener(c.bound);
    StopListener(c.address, listener.port(), [&] { listener.Stop(); });
    EXPECT_TRUE(listener.stopped()) << c.address;
  }
}

TEST(StopListenerTest, AnAddressThatIsNotNumericStopsUnaided) {
  bool stopped = false;
  StopListener("nonsense", 1, [&] { stopped = true; });
  EXPECT_TRUE(stopped);
  stopped = false;
  StopListener("no.such.host.invalid:1", 1, [&] { stopped = true; });
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace graphfeed
