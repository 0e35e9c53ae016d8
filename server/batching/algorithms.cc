#include "server/batching/algorithms.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {

absl::StatusOr<AlgorithmVersions> ResolveAlgorithms(const std::map<std::string, int64_t>& asked) {
  AlgorithmVersions versions;
  for (const auto& [purpose, version] : asked) {
    bool known = false;
    absl::Status status;
    VisitAlgorithms([&, &purpose = purpose, version = version](const char* name, auto member) {
      if (name != purpose) return;
      known = true;
      const uint32_t oldest = kOldestAlgorithms.*member;
      const uint32_t newest = kAlgorithms.*member;
      if (version >= oldest && version <= newest) {
        versions.*member = static_cast<uint32_t>(version);
        return;
      }
      status = absl::InvalidArgumentError(
          absl::StrCat("algorithms: version ", version, " of ", purpose, "; this server has ",
                       oldest == newest ? "" : absl::StrCat(oldest, " to "), newest));
    });
    if (!status.ok()) return status;
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat("algorithms: version ", version, " of ",
                                                     purpose,
                                                     ", which is no algorithm of this server"));
    }
  }
  return versions;
}

}  // namespace graphfeed
