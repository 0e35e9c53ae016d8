#ifndef GRAPHFEED_SERVER_SERVER_H_
#define GRAPHFEED_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"
#include "server/logging/event_log.h"
#include "server/serving/frame_stream.h"

namespace graphfeed {

// A running server: store, pools, metrics, gRPC. Thread-safe.
class Server {
 public:
  using OnFailure = std::function<void(const absl::Status&)>;

  // Opens the store, which sets aside what unfinished ingests left, and serves; a folder that
  // cannot be written is served as it is, and what would change it is refused. INVALID_ARGUMENT for
  // a bad configuration, UNAVAILABLE for an address that cannot be had, FAILED_PRECONDITION when
  // another process holds the folder.
  // `filter` stands between what streams would deliver and the wire: benchmarks put frames there
  // that cost nothing to build. Production servers have none.
  // `on_failure` is called when nothing can be stored any more, because the data folder was moved
  // or removed: the server is no longer healthy then, and should be shut down, by another thread.
  // `log` is told of the start, of each call at its end, and of what goes wrong; it must outlive
  // the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerConfig& config,
                                                       StreamFilter filter = nullptr,
                                                       OnFailure on_failure = nullptr,
                                                       EventLog* log = nullptr);
  // Whether what `config` names can be used: certificates, who may do what, what is shown to
  // --follow, and (by its words alone) the place of a store. INVALID_ARGUMENT: a line for each
  // thing that is wrong, with flag, file and line.
  static absl::Status CheckFiles(const ServerConfig& config);

  ~Server();  // Shutdown with the configured time
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;
  // Whether the folder cannot be written.
  bool read_only() const;
  // Columns of the folder that await their removal: no version uses them.
  int64_t set_aside_columns() const;
  // 0 when metrics are off.
  int metrics_port() const;
  // What a scrape answers, also without an endpoint.
  std::string MetricsText() const;

  // Reads the file of --access again, and tells the log of audits if that, or a file of TLS, is not
  // to be used: what was in force stays. (Both are noticed without it, too, when they change.)
  void Reload();

  // Drains: refuses new calls, is no longer healthy, lets streams finish the frame that they are
  // sending and other calls run until `deadline`, then cancels them, joins all threads and closes
  // the store. Blocks; further calls wait for the first.
  void Shutdown(absl::Time deadline);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVER_H_
