#include "server/access/access_control.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/access/small_file.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kBearer = "Bearer ";

absl::StatusOr<std::shared_ptr<const AccessPolicy>> ReadPolicy(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadSmallFile(file);
  if (!text.ok()) {
    return absl::UnavailableError(absl::StrCat("--access: ", text.status().message()));
  }
  return AccessPolicy::Parse(*text, file);
}

}  // namespace

absl::Status AccessControl::Reload() {
  if (file_.empty()) return absl::OkStatus();
  std::string look = LookOf({file_});
  absl::StatusOr<std::shared_ptr<const AccessPolicy>> policy = ReadPolicy(file_);
  MutexLock lock(&mu_);
  reread_.Done(std::move(look), policy.status());
  GF_RETURN_IF_ERROR(policy.status());
  policy_ = *std::move(policy);
  return absl::OkStatus();
}

absl::StatusOr<bool> AccessControl::ReloadIfChanged() {
  if (file_.empty()) return false;
  {
    const std::string look = LookOf({file_});
    MutexLock lock(&mu_);
    if (!reread_.Due(look)) return false;
  }
  const absl::Status status = Reload();
  {
    MutexLock lock(&mu_);
    if (reread_.repeated()) return false;
  }
  GF_RETURN_IF_ERROR(status);
  return true;
}

std::shared_ptr<const AccessPolicy> AccessControl::policy() const {
  MutexLock lock(&mu_);
  return policy_;
}

std::vector<std::string> AccessControl::names() const {
  const std::shared_ptr<const AccessPolicy> policy = this->policy();
  return policy == nullptr ? std::vector<std::string>{everyone_->name} : policy->names();
}

bool AccessControl::StillHas(const Principal& principal) const {
  const std::shared_ptr<const AccessPolicy> policy = this->policy();
  return policy == nullptr || policy->Has(principal);
}

absl::StatusOr<std::shared_ptr<const Principal>> AccessControl::Authenticate(
    const Credentials& credentials) const {
  const std::shared_ptr<const AccessPolicy> policy = this->policy();
  if (policy == nullptr) {
    if (credentials.certificate_names.empty()) return everyone_;
    return Principal::Everyone(credentials.certificate_names.front());
  }
  if (credentials.authorization.has_value()) {
    if (!absl::StartsWithIgnoreCase(*credentials.authorization, kBearer)) {
      return absl::UnauthenticatedError("authorization: \"Bearer TOKEN\" is wanted");
    }
    std::shared_ptr<const Principal> principal =
        policy->FindToken(credentials.authorization->substr(kBearer.size()));
    if (principal == nullptr) return absl::UnauthenticatedError("the token is not known here");
    return principal;
  }
  for (const std::string& name : credentials.certificate_names) {
    std::shared_ptr<const Principal> principal = policy->FindCertificate(name);
    if (principal != nullptr) return principal;
  }
  if (policy->anonymous() != nullptr) return policy->anonymous();
  return absl::UnauthenticatedError(
      credentials.certificate_names.empty()
          ? "this server wants a token, or a certificate that it knows"
          : "the names in the client's certificate are not known here");
}

}  // namespace graphfeed
