#include "client/cpp/replicas/outage.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "proto/frame/error_details.h"

namespace graphfeed {

void Tell(const ClientOptions& client, const std::string& notice) {
  if (notice.empty()) return;
  if (client.on_failover) {
    client.on_failover(notice);
  } else {
    std::fprintf(stderr, "graphfeed: %s\n", notice.c_str());
  }
}

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

absl::Duration Outage::RetryDelay() const {
  absl::Duration least = absl::InfiniteDuration();
  for (const Entry& entry : entries_) {
    if (entry.excluded) continue;
    least = std::min(least, RetryDelayOf(entry.status).value_or(absl::ZeroDuration()));
  }
  return least == absl::InfiniteDuration() ? absl::ZeroDuration() : least;
}

std::string Outage::TryingOn(absl::string_view what, absl::Time now, absl::Time deadline) {
  if (told_.has_value() && now - *told_ < kTellEvery) return "";
  told_ = now;
  return absl::StrCat("no server can ", what, Tried(now), ", trying again for up to ",
                      absl::FormatDuration(absl::Ceil(deadline - now, absl::Seconds(1))), ": ",
                      Said());
}

absl::Status Outage::Final(absl::string_view what, absl::Time now) const {
  if (entries_.size() == 1 && entries_[0].excluded) return entries_[0].status;
  return absl::Status(first_.code(),
                      absl::StrCat("no server can ", what, Tried(now), ": ", Said()));
}

std::string Outage::Tried(absl::Time now) const {
  const absl::Duration tried = absl::Trunc(now - *started_, absl::Seconds(1));
  return tried > absl::ZeroDuration() ? absl::StrCat(" after ", absl::FormatDuration(tried)) : "";
}

std::string Outage::Said() const {
  std::string text;
  for (const Entry& entry : entries_) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", entry.address, ": ",
                    absl::StatusCodeToString(entry.status.code()), ": ", entry.status.message());
  }
  return text;
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
