// The same bytes through a socket between two processes and nothing else: one sends a buffer of
// --bytes again and again, the other receives it into one place. A line of JSON.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/base/check.h"
#include "tests/benchmark/process_counters.h"

ABSL_FLAG(int64_t, bytes, 518'000, "of one message");
ABSL_FLAG(double, seconds, 1, "length of the measurement");
ABSL_FLAG(bool, unix_socket, false, "a Unix socket instead of TCP on loopback");

namespace graphfeed {
namespace {

std::array<int, 2> TcpPair() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  GF_CHECK(bind(listener, generic, length) == 0 && listen(listener, 1) == 0);
  GF_CHECK(getsockname(listener, generic, &length) == 0);
  const int near = socket(AF_INET, SOCK_STREAM, 0);
  GF_CHECK(connect(near, generic, length) == 0);
  const int far = accept(listener, nullptr, nullptr);
  GF_CHECK(far >= 0);
  close(listener);
  const int on = 1;
  for (const int end : {near, far}) setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return {near, far};
}

std::array<int, 2> UnixPair() {
  std::array<int, 2> ends{};
  GF_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  return ends;
}

void Send(int socket, const std::vector<char>& bytes) {
  for (;;) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) _exit(0);  // the other side has enough
      sent += static_cast<size_t>(count);
    }
  }
}

// One message; false at the end.
bool Receive(int socket, std::vector<char>& bytes) {
  for (size_t received = 0; received < bytes.size();) {
    const ssize_t count = recv(socket, bytes.data() + received, bytes.size() - received, 0);
    if (count <= 0) return false;
    received += static_cast<size_t>(count);
  }
  return true;
}

void Run() {
  const bool unix_socket = absl::GetFlag(FLAGS_unix_socket);
  const std::array<int, 2> ends = unix_socket ? UnixPair() : TcpPair();
  std::vector<char> bytes(static_cast<size_t>(absl::GetFlag(FLAGS_bytes)), 'x');
  const pid_t sender = fork();
  GF_CHECK(sender >= 0);
  if (sender == 0) {
    close(ends[0]);
    Send(ends[1], bytes);
  }
  close(ends[1]);
  for (int i = 0; i < 20; ++i) GF_CHECK(Receive(ends[0], bytes));
  const ProcessCounters sent = CountersOf(sender);
  const ProcessCounters received = CountersOf(getpid());
  const absl::Time begin = absl::Now();
  const absl::Duration limit = absl::Seconds(absl::GetFlag(FLAGS_seconds));
  int64_t count = 0;
  absl::Duration elapsed;
  do {
    GF_CHECK(Receive(ends[0], bytes));
    ++count;
    elapsed = absl::Now() - begin;
  } while (elapsed < limit);
  const ProcessCounters server = CountersOf(sender) - sent;
  const ProcessCounters client = CountersOf(getpid()) - received;
  close(ends[0]);
  waitpid(sender, nullptr, 0);
  std::printf(R"({"batches": %ld, "bytes": %ld, "seconds": %.6f, )"
              R"("client": {"cpu_seconds": %.6f, "minor_faults": %ld, "context_switches": %ld}, )"
              R"("server": {"cpu_seconds": %.6f, "minor_faults": %ld, "context_switches": %ld}})"
              "\n",
              count, count * std::ssize(bytes), absl::ToDoubleSeconds(elapsed), client.cpu_seconds,
              client.minor_faults, client.context_switches, server.cpu_seconds, server.minor_faults,
              server.context_switches);
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  graphfeed::Run();
}
