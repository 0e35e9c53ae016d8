#ifndef GRAPHFEED_STORAGE_INGEST_NEW_COLUMNS_H_
#define GRAPHFEED_STORAGE_INGEST_NEW_COLUMNS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/host.h"

namespace graphfeed {

// The columns that something writes before a manifest lists them. What is not kept is discarded
// with it, so destroy the writers first. Not thread-safe.
class NewColumns {
 public:
  // The host must outlive this.
  explicit NewColumns(IngestHost& host) : host_(host) {}
  ~NewColumns() { host_.Discard(uids_); }
  NewColumns(const NewColumns&) = delete;
  NewColumns& operator=(const NewColumns&) = delete;

  absl::StatusOr<uint64_t> Add() {
    GF_ASSIGN_OR_RETURN(const uint64_t uid, host_.NewColumn());
    uids_.push_back(uid);
    return uid;
  }

  // Discards one of them now.
  void Discard(uint64_t uid) {
    uids_.erase(std::remove(uids_.begin(), uids_.end(), uid), uids_.end());
    host_.Discard({&uid, 1});
  }

  // Leaves all of them to a manifest that is about to be published.
  void Keep() { uids_.clear(); }

 private:
  IngestHost& host_;
  std::vector<uint64_t> uids_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_NEW_COLUMNS_H_
