#ifndef GRAPHFEED_SERVER_SERVING_STORED_QUOTA_H_
#define GRAPHFEED_SERVER_SERVING_STORED_QUOTA_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/access/principal.h"
#include "server/serving/tenants.h"
#include "storage/catalog.h"

namespace graphfeed {

// Holds one call that stores something, an ingest or a partition, to what its principal may store:
// raw bytes of all versions of the datasets that it may use, and of what all its calls are about to
// add. Not thread-safe.
class StoredQuota {
 public:
  // `tenant` has the limit; null: there is none. The catalog outlives it.
  StoredQuota(const Catalog& catalog, std::shared_ptr<const Principal> principal,
              std::shared_ptr<Tenant> tenant)
      : catalog_(catalog), principal_(std::move(principal)), tenant_(std::move(tenant)) {}
  ~StoredQuota();  // what was to come is there now, or will not come
  StoredQuota(const StoredQuota&) = delete;
  StoredQuota& operator=(const StoredQuota&) = delete;

  // Looks what is stored by now. RESOURCE_EXHAUSTED, with the limit and what counts towards it,
  // once that is reached.
  absl::Status Check();
  // Counts bytes that are to come. The same error, by what was stored when it was looked at.
  absl::Status Add(int64_t bytes);

 private:
  absl::Status Compare(int64_t coming) const;

  const Catalog& catalog_;
  const std::shared_ptr<const Principal> principal_;  // shared with the call
  const std::shared_ptr<Tenant> tenant_;              // shared with its calls
  int64_t added_bytes_ = 0;                           // counted at the tenant
  int64_t stored_bytes_ = 0;                          // when it was looked at
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_STORED_QUOTA_H_
