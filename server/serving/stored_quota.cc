#include "server/serving/stored_quota.h"

#include "absl/strings/str_cat.h"

namespace graphfeed {

StoredQuota::~StoredQuota() {
  if (tenant_ != nullptr) tenant_->coming_bytes() -= added_bytes_;
}

absl::Status StoredQuota::Check() {
  if (tenant_ == nullptr || tenant_->quota().stored_bytes < 0) return absl::OkStatus();
  stored_bytes_ = 0;
  for (const DatasetInfo& info : catalog_.List()) {
    if (principal_->MayUse(info.name)) stored_bytes_ += info.raw_bytes;
  }
  return Compare(tenant_->coming_bytes());
}

absl::Status StoredQuota::Add(int64_t bytes) {
  if (tenant_ == nullptr) return absl::OkStatus();
  added_bytes_ += bytes;
  return Compare(tenant_->coming_bytes() += bytes);
}

absl::Status StoredQuota::Compare(int64_t coming) const {
  const int64_t limit = tenant_->quota().stored_bytes;
  if (limit < 0 || (stored_bytes_ + coming <= limit && stored_bytes_ < limit)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("stored-bytes of \"", tenant_->name(), "\": ", stored_bytes_,
                   " bytes are stored in the datasets that it may use, ", coming,
                   " are coming; at most ", limit));
}

}  // namespace graphfeed
