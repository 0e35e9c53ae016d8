#include "server/follow/source_client.h"

#include <utility>

#include "client/cpp/client.h"
#include "client/cpp/server_store.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

absl::Status CheckSourceFiles(ClientSecurity security) {
  security.FillFromEnvironment();
  return security.Check();
}

absl::StatusOr<std::unique_ptr<DatasetStore>> ConnectToSource(const std::string& address,
                                                              const ClientSecurity& security,
                                                              std::function<bool()> interrupted) {
  ClientOptions options;
  options.endpoints = {address};
  options.security = security;
  options.security.FillFromEnvironment();
  options.timeout = absl::Seconds(20);
  options.retry_timeout = absl::ZeroDuration();
  options.connect_timeout = absl::Seconds(10);
  options.shared_memory = false;  // no frames are read
  options.interrupted = std::move(interrupted);
  options.on_failover = [](const std::string&) {};  // who follows says it, once
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Client> client, Client::Create(options));
  return NewServerStore(std::move(client));
}

}  // namespace graphfeed
