#ifndef GRAPHFEED_SERVER_HEALTH_H_
#define GRAPHFEED_SERVER_HEALTH_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/health_check_service_interface.h"
#include "proto/exposition/http_endpoint.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Whether a server is alive, and whether it is ready to serve: one answer for gRPC's health service
// and for the pages that plain probes read. It starts as neither, becomes both with Serve, is alive
// but not ready while it drains, is not in sync with what it follows or cannot reach its store, and
// neither once it has failed. Thread-safe.
class Health {
 public:
  // Names of gRPC's health service, beside "" and the service's own, which are as kReady.
  static constexpr char kLive[] = "graphfeed.live";
  static constexpr char kReady[] = "graphfeed.ready";
  static constexpr char kInSync[] = "graphfeed.in_sync";

  // `service` outlives what is called below.
  void Serve(grpc::HealthCheckServiceInterface& service);
  void Drain();
  void Fail(const absl::Status& status);
  // Of a replica: whether it holds what it follows, or why it does not. OK until it is told.
  void SetInSync(const absl::Status& status);
  // Whether the store answers, or why it does not. OK until it is told.
  void SetReachable(const absl::Status& status);

  bool ready() const;
  // "/healthz" and "/readyz": 200, or 503 and why. Valid while this lives.
  HttpEndpoint::Pages Pages() const;

 private:
  // Where both hold, the failure is what is told.
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpAnswer Live() const;
  HttpAnswer Ready() const;

  mutable Mutex mu_;
  grpc::HealthCheckServiceInterface* service_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  absl::Status in_sync_ ABSL_GUARDED_BY(mu_);
  absl::Status reachable_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_HEALTH_H_
