#include "server/serving/write_rules.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/serving/retention.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

std::optional<int64_t> FreeDiskBytes(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder, error);
  while (path.has_relative_path() && !std::filesystem::exists(path, error)) {
    path = path.parent_path();
  }
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  if (error) return std::nullopt;
  return static_cast<int64_t>(space.available);
}

absl::Status WriteRules::CheckMayChange() const {
  if (!replica()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("this server is a replica (", options_.replica,
                   "): datasets are changed where they come from, and not here"));
}

absl::Status WriteRules::CheckMayDelete(absl::string_view name, int64_t version) const {
  GF_RETURN_IF_ERROR(CheckMayChange());
  if (!IsPinned(name, version, options_.pins)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("\"", name, "@", version, "\" is pinned (--pin)"));
}

absl::Status WriteRules::CheckRoom(absl::string_view what) const {
  return CheckRoomIn(options_.data_dir, what);
}

absl::Status WriteRules::CheckRoomIn(const std::string& folder, absl::string_view what) const {
  if (options_.min_free_bytes == 0) return absl::OkStatus();
  const std::optional<int64_t> free = FreeDiskBytes(folder);
  if (!free.has_value() || *free >= options_.min_free_bytes) return absl::OkStatus();
  ++refusals_;
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk is low: ", *free, " bytes are free for ", what, " in \"", folder,
                   "\"; --min-free-disk keeps ", options_.min_free_bytes));
}

}  // namespace graphfeed
