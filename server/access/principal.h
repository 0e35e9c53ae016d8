#ifndef GRAPHFEED_SERVER_ACCESS_PRINCIPAL_H_
#define GRAPHFEED_SERVER_ACCESS_PRINCIPAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// What a caller may be; several at a time. None implies another.
enum class Role : uint8_t {
  kReader = 1,    // lists, describes, streams and exports
  kWriter = 2,    // ingests, deletes, partitions
  kOperator = 4,  // has snapshots made
  kWorker = 8,    // reports how far it has come
};

class RoleSet {
 public:
  constexpr RoleSet() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a role is a set of one.
  constexpr RoleSet(Role role) : bits_(static_cast<uint8_t>(role)) {}
  static constexpr RoleSet All() {
    return RoleSet(Role::kReader) | Role::kWriter | Role::kOperator | Role::kWorker;
  }

  constexpr RoleSet operator|(RoleSet other) const {
    RoleSet both = *this;
    both.bits_ |= other.bits_;
    return both;
  }
  constexpr bool Intersects(RoleSet other) const { return (bits_ & other.bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  // "reader, writer".
  std::string ToString() const;

 private:
  uint8_t bits_ = 0;
};

// "reader", as the access file writes it.
std::optional<Role> ParseRole(absl::string_view name);

// What one caller may have at a time; -1: as much as the server has.
struct Quota {
  int64_t streams = -1;
  int64_t prefetch = -1;  // frames of a stream
  int64_t ingests = -1;
  int64_t requests_per_second = -1;
  int64_t slab_bytes = -1;    // what its streams reserve for frames
  int64_t stored_bytes = -1;  // raw bytes of all versions of the datasets that it may use

  bool operator==(const Quota&) const = default;
};

// Who calls. Its name is that of a tenant: in logs, metrics and limits.
struct Principal {
  std::string name;
  RoleSet roles;
  std::vector<std::string> datasets;  // patterns with * and ?
  Quota quota;
  // A digest of all that the access file says of it, its tokens among that; empty: it is in none.
  std::string definition = {};

  // Of a dataset's name, or "name@version".
  bool MayUse(absl::string_view dataset) const;

  // PERMISSION_DENIED if it may not use it, whether or not there is one.
  absl::Status CheckDataset(absl::string_view dataset) const;

  // May do everything: of calls within a process, and of servers that ask nobody who they are.
  static std::shared_ptr<const Principal> Everyone(std::string known_as);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_ACCESS_PRINCIPAL_H_
