#ifndef GRAPHFEED_SERVER_RPC_INGEST_CALL_H_
#define GRAPHFEED_SERVER_RPC_INGEST_CALL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "server/access/principal.h"
#include "server/serving/stored_quota.h"
#include "server/serving/tenants.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"

namespace graphfeed {

// The messages of one Ingest call, in order, without gRPC: begin, blocks, commit. Not thread-safe;
// calls block. Destroyed before the commit, it leaves nothing behind.
class IngestCall {
 public:
  // `tenant` bounds what the principal may store; null: nothing does.
  IngestCall(Catalog& catalog, const WriteRules& rules, std::shared_ptr<const Principal> principal,
             std::shared_ptr<Tenant> tenant = nullptr)
      : catalog_(catalog),
        rules_(rules),
        principal_(std::move(principal)),
        quota_(catalog, principal_, std::move(tenant)) {}
  IngestCall(const IngestCall&) = delete;
  IngestCall& operator=(const IngestCall&) = delete;

  // Takes the next message. Returns the published version after the commit, nullopt before it.
  // INVALID_ARGUMENT for messages out of order; PERMISSION_DENIED for a dataset without a grant;
  // DATA_LOSS when the commit counts other graphs than have come; RESOURCE_EXHAUSTED beyond the
  // tenant's quota of stored bytes, and what WriteRules forbid, both also on the way.
  absl::StatusOr<std::optional<DatasetInfo>> Take(v1::IngestRequest message);
  // What is being ingested; empty before the beginning.
  const std::string& dataset() const { return dataset_; }

 private:
  absl::Status Begin(const v1::IngestBegin& message);
  absl::Status Block(v1::IngestBlock message);
  absl::StatusOr<DatasetInfo> Commit(const v1::IngestCommit& message);

  Catalog& catalog_;
  const WriteRules& rules_;
  const std::shared_ptr<const Principal> principal_;  // shared with the call
  StoredQuota quota_;
  std::unique_ptr<GraphSink> session_;
  std::string dataset_;
  bool collection_ = true;
  int64_t num_graphs_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_INGEST_CALL_H_
