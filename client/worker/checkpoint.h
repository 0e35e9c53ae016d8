#ifndef GRAPHFEED_CLIENT_WORKER_CHECKPOINT_H_
#define GRAPHFEED_CLIENT_WORKER_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/worker/totals.h"

namespace graphfeed {

// Where a run stands and what it has learned.
struct Checkpoint {
  std::string dataset;      // "name@version"
  std::string fingerprint;  // of its content, hexadecimal
  std::string spec_digest;  // likewise
  uint64_t seed = 0;
  Position position;
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  std::string runtime;
  std::string model_sha256;
  Totals totals;
  std::string state;  // Executor::SaveState
};

// A file of one checkpoint: the line "graphfeed checkpoint 1", the length of the header (u64,
// little-endian), the header (JSON: all but `state`), the state, and XXH3-64 of all before it
// (u64). DATA_LOSS names the file when it is not whole.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path);
absl::Status WriteCheckpoint(const Checkpoint& checkpoint, const std::string& path);

// The checkpoints of one worker, in a folder of its own. The newest `keep` are kept. Thread-
// compatible.
class CheckpointFolder {
 public:
  // Makes the folder if there is none. FAILED_PRECONDITION while another process has it open.
  static absl::StatusOr<std::unique_ptr<CheckpointFolder>> Open(const std::string& folder,
                                                                int64_t keep);
  // For LoadNewest alone, whoever writes to it. NOT_FOUND if there is no such folder.
  static absl::StatusOr<std::unique_ptr<CheckpointFolder>> OpenToRead(const std::string& folder);
  ~CheckpointFolder();
  CheckpointFolder(const CheckpointFolder&) = delete;
  CheckpointFolder& operator=(const CheckpointFolder&) = delete;

  // Written whole, or not at all.
  absl::Status Save(const Checkpoint& checkpoint);
  // The newest that can be read; nullopt if there is none at all. `warnings` gets what could not be
  // read; DATA_LOSS if nothing could.
  absl::StatusOr<std::optional<Checkpoint>> LoadNewest(std::vector<std::string>& warnings) const;

 private:
  CheckpointFolder(std::string folder, int64_t keep, int lock)
      : folder_(std::move(folder)), keep_(keep), lock_(lock) {}
  std::vector<std::string> Paths() const;  // oldest first

  const std::string folder_;
  const int64_t keep_;
  const int lock_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_CHECKPOINT_H_
