#ifndef GRAPHFEED_STORAGE_CHUNKS_RECORD_FILE_H_
#define GRAPHFEED_STORAGE_CHUNKS_RECORD_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// All records lie in one file, under one checksum, and every change writes it anew and renames it:
// it holds the records before a change or those after it, whatever happens, and no fault of a
// single byte, length or file can look like fewer records. docs/storage_format.md has the bytes.
inline constexpr char kRecordFile[] = "CATALOG";

std::string EncodeRecords(const RecordMap& records);
// DATA_LOSS for bytes that EncodeRecords cannot have made; says what is wrong with them.
// FAILED_PRECONDITION for a whole file of another format.
absl::StatusOr<RecordMap> DecodeRecords(absl::string_view bytes);

// The records of the folder that `folder_fd` is; nullopt if the file is missing, DATA_LOSS naming
// it if it is damaged, FAILED_PRECONDITION if a newer program wrote it. `folder` is for messages.
absl::StatusOr<std::optional<RecordMap>> ReadRecordFile(int folder_fd, const std::string& folder);

// Writes the file and syncs it and the folder. RESOURCE_EXHAUSTED when the disk is full. After an
// error the file is as it was, unless `*uncertain` is set: then it may be either.
absl::Status WriteRecordFile(int folder_fd, const std::string& folder, const RecordMap& records,
                             bool* uncertain);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RECORD_FILE_H_
