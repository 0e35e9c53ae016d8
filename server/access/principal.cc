#include "server/access/principal.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace graphfeed {
namespace {

constexpr std::pair<const char*, Role> kRoles[] = {{"reader", Role::kReader},
                                                   {"writer", Role::kWriter},
                                                   {"operator", Role::kOperator},
                                                   {"worker", Role::kWorker}};

}  // namespace

std::string RoleSet::ToString() const {
  std::vector<const char*> names;
  for (const auto& [name, role] : kRoles) {
    if (Intersects(role)) names.push_back(name);
  }
  return absl::StrJoin(names, ", ");
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (const auto& [known, role] : kRoles) {
    if (name == known) return role;
  }
  return std::nullopt;
}

bool Principal::MayUse(absl::string_view dataset) const {
  const std::string wanted(dataset.substr(0, dataset.find('@')));
  return std::any_of(datasets.begin(), datasets.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), wanted.c_str(), 0) == 0;
  });
}

absl::Status Principal::CheckDataset(absl::string_view dataset) const {
  if (MayUse(dataset)) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("\"", name, "\" has no grant for the dataset \"",
                                                  dataset.substr(0, dataset.find('@')), "\""));
}

std::shared_ptr<const Principal> Principal::Everyone(std::string known_as) {
  return std::make_shared<const Principal>(Principal{
      .name = std::move(known_as), .roles = RoleSet::All(), .datasets = {"*"}, .quota = {}});
}

}  // namespace graphfeed
