#ifndef GRAPHFEED_CLIENT_LOCAL_LOCAL_SERVER_H_
#define GRAPHFEED_CLIENT_LOCAL_LOCAL_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/core.h"
#include "server/store_watch.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// One opening of a data folder, and what serves it. Calls and streams share it; nobody else ends
// it.
class LocalServer {
 public:
  enum class Use {
    kRead,   // as it is now, beside whoever writes to it
    kWrite,  // nobody else may; made where there is none
  };

  // FAILED_PRECONDITION says who writes to the folder; NOT_FOUND: it is none.
  static absl::StatusOr<std::shared_ptr<LocalServer>> Open(const std::string& folder, Use use);
  // Waits for the pools. Not on a thread of theirs.
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  ServerCore& core() { return *core_; }
  bool writes() const { return !core_->read_only; }

 private:
  explicit LocalServer(std::unique_ptr<ServerCore> core) : core_(std::move(core)) {}

  const std::unique_ptr<ServerCore> core_;
  std::unique_ptr<StoreWatch> watch_;  // of a writer: tidies up now and then
};

// A folder by its path, as this process sees it at the moment. Clients of one folder share its
// servers, whatever path they know it by. Thread-safe; in a forked child everything is opened anew.
class LocalFolder {
 public:
  explicit LocalFolder(std::string path) : path_(std::move(path)) {}
  ~LocalFolder();
  LocalFolder(const LocalFolder&) = delete;
  LocalFolder& operator=(const LocalFolder&) = delete;

  const std::string& path() const { return path_; }
  // A server for a call that begins now: it knows all that has been published. Errors as
  // LocalServer::Open.
  absl::StatusOr<std::shared_ptr<LocalServer>> Server(LocalServer::Use use);

 private:
  class Shared;

  const std::string path_;
  Mutex mu_;
  int generation_ ABSL_GUARDED_BY(mu_) = 0;              // of forks, in which it was found
  std::shared_ptr<Shared> shared_ ABSL_GUARDED_BY(mu_);  // by all of the same inode
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_LOCAL_SERVER_H_
