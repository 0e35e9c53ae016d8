#ifndef GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_
#define GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graphfeed {

// A folder that is held by its inode (flock), whatever becomes of its name and of the files in it.
// One process writes to a folder, or several read it. Thread-safe.
class FolderLock {
 public:
  enum class Kind { kShared, kExclusive };

  // FAILED_PRECONDITION when another holds the folder, NOT_FOUND when there is none.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Acquire(const std::string& folder, Kind kind);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  // As it was given.
  const std::string& folder() const { return folder_; }
  // Of the folder, open while this lives.
  int fd() const { return fd_; }
  // A path that leads to the locked folder and never to another that has got its name since.
  const std::string& path() const { return path_; }
  // `text` with path() written as the name that the folder was given by.
  std::string WithName(const std::string& text) const;

  // UNAVAILABLE once the folder's name no longer leads to what is locked: it was moved or removed,
  // or another was mounted over it.
  absl::Status Check() const;

 private:
  FolderLock(std::string folder, int fd);

  const std::string folder_;
  const int fd_;
  std::string path_;
};

// Whether the folder exists and this process may not write to it.
bool IsReadOnlyFolder(const std::string& dir);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_
