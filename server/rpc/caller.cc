#include "server/rpc/caller.h"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace graphfeed {
namespace {

// Longer ids and trace parents are not passed on.
constexpr size_t kMaxIdBytes = 128;

absl::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

std::optional<absl::string_view> Header(const grpc::CallbackServerContext& context,
                                        const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return std::nullopt;
  return View(found->second);
}

// What may go into a line of a log.
std::string Id(const grpc::CallbackServerContext& context, const char* header) {
  const absl::string_view id = Header(context, header).value_or("");
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 127; });
  return plain && id.size() <= kMaxIdBytes ? std::string(id) : std::string();
}

std::string NewId() {
  thread_local std::mt19937_64 random{std::random_device()()};
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16));
}

std::vector<std::string> CertificateNames(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  std::vector<std::string> names;
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return names;
  for (const char* property : {"x509_common_name", "x509_subject_alternative_name"}) {
    for (const grpc::string_ref& name : peer->FindPropertyValues(property)) {
      names.emplace_back(name.data(), name.size());
    }
  }
  return names;
}

}  // namespace

Caller CallerOf(const grpc::CallbackServerContext& context, const AccessControl& access) {
  static const auto* const nobody =
      new std::shared_ptr<const Principal>(std::make_shared<const Principal>(
          Principal{.name = "unknown", .roles = {}, .datasets = {}, .quota = {}}));
  Caller caller;
  caller.peer = context.peer();
  caller.request_id = Id(context, kRequestIdHeader);
  if (caller.request_id.empty()) caller.request_id = NewId();
  caller.traceparent = Id(context, "traceparent");
  const Credentials shown{.authorization = Header(context, "authorization"),
                          .certificate_names = CertificateNames(context)};
  if (shown.authorization.has_value()) {
    caller.shown = Metrics::AuthFailure::kToken;
  } else if (!shown.certificate_names.empty()) {
    caller.shown = Metrics::AuthFailure::kCertificate;
  }
  absl::StatusOr<std::shared_ptr<const Principal>> principal =
      context.client_metadata().count("authorization") > 1
          ? absl::UnauthenticatedError("authorization: more than one")
          : access.Authenticate(shown);
  caller.refusal = principal.status();
  caller.principal = principal.ok() ? *std::move(principal) : *nobody;
  return caller;
}

}  // namespace graphfeed
