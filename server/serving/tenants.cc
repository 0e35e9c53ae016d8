#include "server/serving/tenants.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame/error_details.h"

namespace graphfeed {
namespace {

int64_t OrUnlimited(int64_t limit) {
  return limit < 0 ? std::numeric_limits<int64_t>::max() : limit;
}

}  // namespace

Tenant::Tenant(std::string name, const Quota& quota, TaskQueue& build, TaskQueue& planning)
    : name_(std::move(name)),
      build_queue_(build.NewQueue()),
      planning_queue_(planning.NewQueue()),
      streams_(absl::StrCat("streams of \"", name_, "\""), 0, OrUnlimited(quota.streams)),
      ingests_(absl::StrCat("ingests of \"", name_, "\""), 0, OrUnlimited(quota.ingests)),
      memory_(absl::StrCat("slab-bytes of \"", name_, "\""), OrUnlimited(quota.slab_bytes),
              OrUnlimited(-1), nullptr),
      quota_(quota) {}

Quota Tenant::quota() const {
  MutexLock lock(&mu_);
  return quota_;
}

void Tenant::SetQuota(const Quota& quota) {
  {
    MutexLock lock(&mu_);
    if (quota_ == quota) return;
    quota_ = quota;
  }
  streams_.SetLimits(0, OrUnlimited(quota.streams));
  ingests_.SetLimits(0, OrUnlimited(quota.ingests));
  memory_.SetLimits(OrUnlimited(quota.slab_bytes), OrUnlimited(-1));
}

absl::Status Tenant::CountRequest(std::chrono::steady_clock::time_point now) {
  absl::Duration delay = absl::Hours(1);  // nothing is allowed at all
  int64_t limit;
  {
    MutexLock lock(&mu_);
    limit = quota_.requests_per_second;
    if (limit < 0) return absl::OkStatus();
    const auto rate = static_cast<double>(limit);
    const double seconds =
        counted_.has_value() ? std::chrono::duration<double>(now - *counted_).count() : 1;
    allowed_ = std::min(allowed_ + std::clamp(seconds, 0.0, 1.0) * rate, rate);
    counted_ = counted_.has_value() ? std::max(*counted_, now) : now;
    if (allowed_ >= 1) {
      allowed_ -= 1;
      return absl::OkStatus();
    }
    if (rate > 0) delay = absl::Seconds((1 - allowed_) / rate);
  }
  return WithRetryDelay(absl::ResourceExhaustedError(absl::StrCat(
                            "requests-per-second of \"", name_, "\": ", limit,
                            " are allowed, and have come; come back in ",
                            absl::FormatDuration(absl::Ceil(delay, absl::Milliseconds(1))))),
                        delay);
}

std::shared_ptr<Tenant> Tenants::Of(const Principal& principal) {
  MutexLock lock(&mu_);
  std::shared_ptr<Tenant>& tenant = tenants_[principal.name];
  if (tenant == nullptr) {
    tenant = std::make_shared<Tenant>(principal.name, principal.quota, build_, planning_);
  } else {
    tenant->SetQuota(principal.quota);
  }
  std::shared_ptr<Tenant> found = tenant;
  if (tenants_.size() > kKept) {
    std::erase_if(tenants_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  return found;
}

}  // namespace graphfeed
