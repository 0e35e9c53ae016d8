#ifndef GRAPHFEED_TESTS_SUPPORT_TEST_SERVER_H_
#define GRAPHFEED_TESTS_SUPPORT_TEST_SERVER_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "gtest/gtest.h"
#include "server/config.h"
#include "server/server.h"

namespace graphfeed {

// A real server in this process, on a free port of 127.0.0.1, over a folder of its own that is
// removed at the end; or, where there is a Ceph cluster (ceph_cluster.py), over a namespace there.
class TestServer {
 public:
  using Adjust = std::function<void(ServerConfig&)>;

  explicit TestServer(const Adjust& adjust = [](ServerConfig&) {}) {
    std::string pattern = testing::TempDir() + "/graphfeed_XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) Die("mkdtemp", pattern);
    folder_ = pattern;
    if (const char* ceph = std::getenv("GRAPHFEED_TEST_CEPH"); ceph != nullptr) {
      config_.store =
          absl::StrCat("rados://graphfeed/", std::filesystem::path(folder_).filename().string(),
                       "?conf=", ceph, "/ceph.conf&id=feed");
    } else {
      config_.data_dir = folder_ + "/data";
    }
    config_.listen = "127.0.0.1:0";
    config_.build_threads = 2;
    config_.memory_budget = int64_t{64} << 20;
    config_.drain_timeout = absl::Seconds(20);
    config_.stream_wait = absl::ZeroDuration();  // refusals come at once
#ifdef GRAPHFEED_PARTITION_PROGRAM
    config_.partition_program = GRAPHFEED_PARTITION_PROGRAM;
#endif
    adjust(config_);
    Start();
  }
  ~TestServer() {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  Server& server() { return *server_; }
  const ServerConfig& config() const { return config_; }
  std::string endpoint() const {
    return absl::StrCat(config_.listen.substr(0, config_.listen.rfind(':') + 1), server_->port());
  }

  // Stops the server and starts another one over the same folder, on another port.
  void Restart() {
    server_.reset();
    Start();
  }

  std::unique_ptr<Client> NewClient(ClientOptions options = {}) const {
    if (options.endpoints.empty()) options.endpoints = {endpoint()};
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    if (!client.ok()) Die("client", client.status().ToString());
    return *std::move(client);
  }

  // The value of a metric, labels as in the exposition: `graphfeed_open_streams`. 0 if absent.
  double Metric(const std::string& name) const {
    const std::string text = "\n" + server_->MetricsText();
    const size_t found = text.find("\n" + name + " ");
    return found == std::string::npos ? 0 : std::atof(text.c_str() + found + name.size() + 2);
  }

 private:
  [[noreturn]] static void Die(const char* what, const std::string& why) {
    std::fprintf(stderr, "TestServer: %s: %s\n", what, why.c_str());
    std::abort();
  }

  void Start() {
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config_);
    if (!server.ok()) Die("start", server.status().ToString());
    server_ = *std::move(server);
  }

  std::string folder_;
  ServerConfig config_;
  std::unique_ptr<Server> server_;
};

// Waits until `condition` holds, for what happens after the last answer of a call; false after
// half a minute.
inline bool Eventually(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_TEST_SERVER_H_
