#ifndef GRAPHFEED_TESTS_SUPPORT_SERVER_PROGRAM_H_
#define GRAPHFEED_TESTS_SUPPORT_SERVER_PROGRAM_H_

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "gtest/gtest.h"
#include "tests/support/child_process.h"

namespace graphfeed {

// The program graphfeed-server as a process of its own, on a free port of 127.0.0.1, over a folder
// that is removed at the end: what it does to its process, memory and exit, is seen from outside.
class ServerProgram {
 public:
  // `address_space`: bytes that it may map (ulimit -v).
  explicit ServerProgram(std::vector<std::string> flags,
                         std::optional<int64_t> address_space = std::nullopt) {
    std::string pattern = testing::TempDir() + "/graphfeed_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) Die("mkdtemp");
    folder_ = pattern;
    std::vector<std::string> command = {GRAPHFEED_SERVER_PROGRAM, "--data-dir", folder_ + "/data",
                                        "--listen", "127.0.0.1:0"};
    if (address_space.has_value()) {
      const std::vector<std::string> limited = {
          "sh", "-c", absl::StrCat("ulimit -v ", *address_space / 1024, "; exec \"$@\""), "sh"};
      command.insert(command.begin(), limited.begin(), limited.end());
    }
    command.insert(command.end(), flags.begin(), flags.end());
    absl::StatusOr<std::unique_ptr<ChildProcess>> started = ChildProcess::Start(command);
    if (!started.ok()) Die("the server does not start");
    process_ = *std::move(started);
    while (const std::optional<std::string> line = process_->ReadLine()) {
      absl::string_view text = *line;
      const size_t at = text.find("listening on ");
      if (at == text.npos) continue;
      endpoint_ = std::string(text.substr(at + 13));
      if (absl::c_linear_search(flags, "--metrics-listen")) metrics_ = process_->ReadLine();
      return;
    }
    Die("the server ended before it listened");
  }
  ~ServerProgram() {
    kill(process_->pid(), SIGKILL);
    process_.reset();
    std::filesystem::remove_all(folder_);
  }
  ServerProgram(const ServerProgram&) = delete;
  ServerProgram& operator=(const ServerProgram&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  pid_t pid() const { return process_->pid(); }
  std::filesystem::path data_dir() const { return std::filesystem::path(folder_) / "data"; }

  std::unique_ptr<Client> NewClient(ClientOptions options = {}) const {
    options.endpoints = {endpoint_};
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    if (!client.ok()) Die("client");
    return *std::move(client);
  }

  // Bytes of memory that are resident, and the most that ever were.
  int64_t ResidentBytes() const { return StatusValue("VmRSS:"); }
  int64_t PeakResidentBytes() const { return StatusValue("VmHWM:"); }

  // What it has used of all cores: a machine that is busy with others does not add to it.
  absl::Duration CpuTime() const {
    clockid_t clock;
    timespec used{};
    if (clock_getcpuclockid(pid(), &clock) != 0 || clock_gettime(clock, &used) != 0) Die("clock");
    return absl::DurationFromTimespec(used);
  }

  bool Alive() {
    if (exit_status_.has_value()) return false;
    int status = 0;
    if (waitpid(pid(), &status, WNOHANG) == pid()) exit_status_ = status;
    return !exit_status_.has_value();
  }

  // The value of a metric, labels as in the exposition; nothing if it is absent. For a server with
  // --metrics-listen 127.0.0.1:0.
  std::optional<double> Metric(const std::string& name) const {
    const std::string page = "\n" + MetricsPage();
    const size_t found = page.find("\n" + name + " ");
    if (found == page.npos) return std::nullopt;
    return std::atof(page.c_str() + found + name.size() + 2);
  }

  // Sends SIGTERM and waits; the exit code, or nothing if it was killed by a signal or has not
  // ended in time.
  std::optional<int> Terminate(absl::Duration timeout) {
    if (Alive()) kill(pid(), SIGTERM);
    const absl::Time deadline = absl::Now() + timeout;
    while (Alive() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(10));
    if (!exit_status_.has_value() || !WIFEXITED(*exit_status_)) return std::nullopt;
    return WEXITSTATUS(*exit_status_);
  }

 private:
  [[noreturn]] static void Die(const char* what) {
    std::fprintf(stderr, "ServerProgram: %s\n", what);
    std::abort();
  }

  std::string MetricsPage() const {
    int port = 0;
    const std::string line = metrics_.value_or("");
    if (!absl::SimpleAtoi(line.substr(line.rfind(':') + 1), &port)) Die("no metrics");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    if (connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        write(socket_fd, request.data(), request.size()) < 0) {
      Die("metrics");
    }
    std::string page;
    char part[4096];
    for (ssize_t size; (size = read(socket_fd, part, sizeof(part))) > 0;) {
      page.append(part, static_cast<size_t>(size));
    }
    close(socket_fd);
    return page;
  }

  int64_t StatusValue(const std::string& name) const {
    std::ifstream file(absl::StrCat("/proc/", pid(), "/status"));
    for (std::string line; std::getline(file, line);) {
      absl::string_view text = line;
      if (!absl::ConsumePrefix(&text, name)) continue;
      int64_t kilobytes = 0;
      (void)absl::ConsumeSuffix(&text, " kB");
      return absl::SimpleAtoi(text, &kilobytes) ? kilobytes * 1024 : -1;
    }
    return -1;
  }

  std::string folder_;
  std::string endpoint_;
  std::optional<std::string> metrics_;  // "metrics on ADDR"
  std::unique_ptr<ChildProcess> process_;
  std::optional<int> exit_status_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_SERVER_PROGRAM_H_
