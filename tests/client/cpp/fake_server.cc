#include "tests/client/cpp/fake_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/wire/limits.h"
#include "proto/wire/status_details.h"

namespace graphfeed {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Turns a reactor into blocking calls: one operation in flight at a time.
class Call final : public grpc::ServerGenericBidiReactor, public FakeCall {
 public:
  std::optional<std::string> Read() override {
    if (!Run([this] { StartRead(&read_); })) return std::nullopt;
    return ToString(read_);
  }
  bool Write(const std::string& message) override {
    written_ = ToBuffer(message);
    return Run([this] { StartWrite(&written_); });
  }
  void WaitUntilCancelled() override {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&cancelled_));
  }

  void End(const absl::Status& status) {
    Finish(grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                        wire::EncodeStatusDetails(status)));
  }
  void WaitUntilDone() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&gone_));
  }

 private:
  void OnReadDone(bool ok) override { Done(ok); }
  void OnWriteDone(bool ok) override { Done(ok); }
  void OnCancel() override {
    absl::MutexLock lock(&mu_);
    cancelled_ = true;
  }
  void OnDone() override {
    absl::MutexLock lock(&mu_);
    gone_ = true;
  }

  bool Run(const std::function<void()>& start) {
    {
      absl::MutexLock lock(&mu_);
      done_ = false;
    }
    start();
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&done_));
    return ok_;
  }
  void Done(bool ok) {
    absl::MutexLock lock(&mu_);
    done_ = true;
    ok_ = ok;
  }

  grpc::ByteBuffer read_;
  grpc::ByteBuffer written_;
  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  bool ok_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;
};

class Server final : public FakeServer, public grpc::CallbackGenericService {
 public:
  explicit Server(std::map<std::string, Script> scripts) : scripts_(std::move(scripts)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    builder.SetMaxReceiveMessageSize(wire::kMaxMessageBytes);
    server_ = builder.BuildAndStart();
  }

  ~Server() override {
    Kill();
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mu_);
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
    server_->Wait();
  }

  std::string endpoint() const override { return absl::StrCat("127.0.0.1:", port_); }

  void Kill() override { server_->Shutdown(std::chrono::system_clock::now()); }

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const std::string path = context->method();
    const auto script = scripts_.find(path.substr(path.rfind('/') + 1));
    auto call = std::make_unique<Call>();
    Call* reactor = call.get();
    absl::MutexLock lock(&mu_);
    threads_.emplace_back([this, call = std::move(call), script] {
      call->End(script == scripts_.end() ? absl::UnimplementedError("no script")
                                         : script->second(*call));
      call->WaitUntilDone();
    });
    return reactor;
  }

  const std::map<std::string, Script> scripts_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mu_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<FakeServer> FakeServer::Start(std::map<std::string, Script> scripts) {
  return std::make_unique<Server>(std::move(scripts));
}

}  // namespace graphfeed
