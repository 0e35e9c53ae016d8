#ifndef GRAPHFEED_TESTS_CLIENT_CPP_FAKE_SERVER_H_
#define GRAPHFEED_TESTS_CLIENT_CPP_FAKE_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace graphfeed {

// One call at a fake server, in bytes. The script runs on a thread of its own and may block.
class FakeCall {
 public:
  virtual ~FakeCall() = default;
  // The next message of the client, nullopt when it has sent its last.
  virtual std::optional<std::string> Read() = 0;
  // False when the client is gone.
  virtual bool Write(const std::string& message) = 0;
  virtual void WaitUntilCancelled() = 0;
};

// Answers calls on 127.0.0.1 by scripts: whatever bytes a server could send, at whatever time.
class FakeServer {
 public:
  using Script = std::function<absl::Status(FakeCall&)>;

  // By method: "StreamBatches". Others are UNIMPLEMENTED.
  static std::unique_ptr<FakeServer> Start(std::map<std::string, Script> scripts);
  virtual ~FakeServer() = default;  // kills running calls

  virtual std::string endpoint() const = 0;
  // Cuts all connections. For any thread but a script's.
  virtual void Kill() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_CPP_FAKE_SERVER_H_
