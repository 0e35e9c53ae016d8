#ifndef GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_
#define GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graphfeed {

// A folder that is held by its inode (flock), whatever becomes of its name and of the files in it.
// One process writes to a folder, or several read it; those that read beside it (ReadersLock) are
// in nobody's way. A forked child does not hold what its parent holds: its descriptors lead
// nowhere. Thread-safe.
class FolderLock {
 public:
  enum class Kind {
    kShared,
    kExclusive,
    kNone,  // open, but not held
  };

  // FAILED_PRECONDITION, naming who writes, when another holds the folder, NOT_FOUND when there is
  // none.
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

  // Whether anybody writes to it, this lock's own process included.
  bool IsWritten() const;

  // UNAVAILABLE once the folder's name no longer leads to what is locked: it was moved or removed,
  // or another was mounted over it.
  absl::Status Check() const;

 private:
  FolderLock(std::string folder, int fd);

  const std::string folder_;
  const int fd_;
  std::string path_;
};

inline constexpr char kReadersFile[] = "READERS";

// The file of a data folder that processes lock (flock) while they read it beside one that may
// write: meanwhile that removes nothing that they may need. It holds a line on who wrote last.
// Thread-safe.
class ReadersLock {
 public:
  // Makes the file where there is none; null where this process may not. `folder` is held for
  // longer.
  static absl::StatusOr<std::unique_ptr<ReadersLock>> Open(const FolderLock& folder);
  ~ReadersLock();
  ReadersLock(const ReadersLock&) = delete;
  ReadersLock& operator=(const ReadersLock&) = delete;

  // Reads from now on, as long as this lives. Waits for a removal that is under way.
  absl::Status Join();
  // Keeps readers out until Admit; false: some are in.
  bool Exclude();
  void Admit();
  // Says that this process writes.
  void SignAsWriter();

 private:
  explicit ReadersLock(int fd) : fd_(fd) {}

  const int fd_;
};

// Whether the folder exists and this process may not write to it.
bool IsReadOnlyFolder(const std::string& dir);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_FOLDER_LOCK_H_
