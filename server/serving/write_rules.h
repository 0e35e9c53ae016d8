#ifndef GRAPHFEED_SERVER_SERVING_WRITE_RULES_H_
#define GRAPHFEED_SERVER_SERVING_WRITE_RULES_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// Whether what is stored may be changed: at a replica by nobody but the server itself, and nowhere
// by what takes room when the disk is low. Thread-safe.
class WriteRules {
 public:
  struct Options {
    // The flag, with its value, that makes this server a replica: "--read-only on". Empty: it is
    // none.
    std::string replica;
    std::string data_dir;
    std::vector<std::string> pins = {};  // as ParsePins makes them: what clients may not delete
    int64_t min_free_bytes = 0;  // of the file system of data_dir; 0: what there is may be used up
  };

  explicit WriteRules(Options options) : options_(std::move(options)) {}

  // For what clients ask for: FAILED_PRECONDITION, naming the flag, at a replica.
  absl::Status CheckMayChange() const;
  // FAILED_PRECONDITION for a version that is pinned, too.
  absl::Status CheckMayDelete(absl::string_view name, int64_t version) const;
  // For what takes room in the data folder, before and while it does: RESOURCE_EXHAUSTED names
  // `what`, the flag, what is free and the limit. Where that is not known there is room.
  absl::Status CheckRoom(absl::string_view what) const;
  // The same for the file system of another folder, or of the nearest one above it that exists.
  absl::Status CheckRoomIn(const std::string& folder, absl::string_view what) const;

  bool replica() const { return !options_.replica.empty(); }
  int64_t min_free_bytes() const { return options_.min_free_bytes; }
  // How often there was no room.
  int64_t refusals() const { return refusals_; }

 private:
  const Options options_;
  mutable std::atomic<int64_t> refusals_{0};
};

// What this process may still write to the file system of `folder`; nullopt where that is not
// known.
std::optional<int64_t> FreeDiskBytes(const std::string& folder);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_WRITE_RULES_H_
