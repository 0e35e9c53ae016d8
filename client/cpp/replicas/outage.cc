#include "client/cpp/replicas/outage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace graphfeed {

void Outage::Add(const Replica& replica, const absl::Status& status, Failure failure,
                 absl::Time now) {
  if (!started_.has_value()) {
    started_ = now;
    first_ = status;
    first_address_ = replica.address;
  }
  tried_.insert(replica.address);
  auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& candidate) {
    return candidate.address == replica.address;
  });
  if (entry == entries_.end()) {
    entry = entries_.insert(entries_.end(), Entry{.address = replica.address, .status = {}});
  }
  entry->status = status;
  entry->excluded = failure != Failure::kTransient;
}

std::shared_ptr<Replica> Outage::Choose(
    const std::vector<std::shared_ptr<Replica>>& replicas) const {
  for (const std::shared_ptr<Replica>& replica : replicas) {
    if (tried_.count(replica->address) == 0 && AnyLeft({replica})) return replica;
  }
  return nullptr;
}

bool Outage::AnyLeft(const std::vector<std::shared_ptr<Replica>>& replicas) const {
  return std::any_of(replicas.begin(), replicas.end(), [this](const auto& replica) {
    return std::none_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.excluded && entry.address == replica->address;
    });
  });
}

absl::Status Outage::Final(absl::string_view what) const {
  if (entries_.size() == 1) return entries_[0].status;
  std::string text = absl::StrCat(what, ":");
  for (const Entry& entry : entries_) {
    absl::StrAppend(&text, &entry == &entries_[0] ? " " : "; ", entry.address, ": ",
                    absl::StatusCodeToString(entry.status.code()), ": ", entry.status.message());
  }
  return absl::Status(first_.code(), text);
}

std::string Outage::Refusals() const {
  std::string text;
  for (const Entry& entry : entries_) {
    if (!entry.excluded || entry.address == first_address_) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", entry.address, ": ", entry.status.message());
  }
  return text;
}

}  // namespace graphfeed
