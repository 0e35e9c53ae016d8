#include "client/local/local.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/fork.h"
#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/rpc.h"
#include "client/local/local_calls.h"
#include "client/local/local_server.h"
#include "client/local/local_streams.h"
#include "proto/wire/endpoint.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using google::protobuf::MessageLite;

class LocalChannel final : public rpc::Channel {
 public:
  explicit LocalChannel(const rpc::ChannelOptions& options)
      : folder_(std::string(*wire::LocalFolder(options.endpoint))),
        interrupted_(options.interrupted) {
    CountForks();
  }

  absl::Status Call(const char* method, const MessageLite& request, absl::Duration timeout,
                    MessageLite* response) override {
    GF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalServer> server, Server(UseOf(method)));
    return AnswerLocally(*server, method, request, timeout, interrupted_, response);
  }

  absl::StatusOr<std::unique_ptr<rpc::DownStream>> StartDown(const char* method,
                                                             const MessageLite& request) override {
    GF_ASSIGN_OR_RETURN(std::shared_ptr<LocalServer> server, Server(LocalServer::Use::kRead));
    if (const auto* stream = dynamic_cast<const v1::StreamBatchesRequest*>(&request)) {
      return StartLocalBatches(std::move(server), *stream);
    }
    if (const auto* version = dynamic_cast<const v1::ExportVersionRequest*>(&request)) {
      return StartLocalExport(std::move(server), *version);
    }
    return absl::UnimplementedError(absl::StrCat("no method ", method));
  }

  absl::StatusOr<std::unique_ptr<rpc::UpStream>> StartUp(const char* method,
                                                         MessageLite* response) override {
    if (absl::string_view(method) != methods::kIngest) {
      return absl::UnimplementedError(absl::StrCat("no method ", method));
    }
    GF_ASSIGN_OR_RETURN(std::shared_ptr<LocalServer> server, Server(LocalServer::Use::kWrite));
    return StartLocalIngest(std::move(server), interrupted_, response);
  }

  void Reconnect() override {}

 private:
  absl::StatusOr<std::shared_ptr<LocalServer>> Server(LocalServer::Use use) {
    return folder_.Server(use);
  }

  LocalFolder folder_;
  const rpc::Interrupted interrupted_;
};

std::unique_ptr<rpc::Channel> NewLocalChannel(const rpc::ChannelOptions& options) {
  return std::make_unique<LocalChannel>(options);
}

}  // namespace

void ServeLocalEndpoints() { rpc::Channel::SetInProcess(&NewLocalChannel); }

}  // namespace graphfeed
