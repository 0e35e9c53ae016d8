#ifndef GRAPHFEED_STORAGE_CHUNKS_FOLDER_COPY_H_
#define GRAPHFEED_STORAGE_CHUNKS_FOLDER_COPY_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace graphfeed {

// Makes the folder `to` with `make`, which fills the folder that it is given, and then, perhaps,
// looks whether it is right: `to` is there whole or not at all. It is made in "TO.tmp"; that one
// existing is ALREADY_EXISTS, as `to` is.
absl::Status MakeFolder(const std::string& to,
                        absl::FunctionRef<absl::Status(const std::string&)> make);

// Into the existing folder `to`: links the files `linked` of `from`, which never change, or copies
// them where they cannot be linked; copies the files `copied`. All are on disk when it returns.
absl::Status CopyFiles(const std::string& from, const std::string& to,
                       const std::vector<std::string>& linked,
                       const std::vector<std::string>& copied);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_FOLDER_COPY_H_
