#ifndef GRAPHFEED_SERVER_FOLLOW_SOURCE_CLIENT_H_
#define GRAPHFEED_SERVER_FOLLOW_SOURCE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/security.h"
#include "storage/graph/dataset_store.h"

namespace graphfeed {

// Whether the files of `security`, and of the environment beside it, can be read. INVALID_ARGUMENT
// names the field and the file.
absl::Status CheckSourceFiles(ClientSecurity security);

// The server at `address` as this server reads from it: the one place that says how (credentials,
// timeouts). Does not connect yet. Calls are tried once, since who follows tries again; they are
// given up when `interrupted` says so.
absl::StatusOr<std::unique_ptr<DatasetStore>> ConnectToSource(const std::string& address,
                                                              const ClientSecurity& security,
                                                              std::function<bool()> interrupted);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_FOLLOW_SOURCE_CLIENT_H_
