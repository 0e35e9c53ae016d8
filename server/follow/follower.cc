#include "server/follow/follower.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/follow/source_client.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/catalog_store.h"

namespace graphfeed {
namespace {

constexpr int kMaxDoublings = 3;
constexpr absl::Duration kLongestPause = absl::Minutes(1);

std::string Seconds(absl::Duration time) { return absl::StrCat(absl::ToInt64Seconds(time), "s"); }

}  // namespace

Follower::Follower(FollowOptions options, Catalog& catalog, const WriteRules& rules, Hooks hooks,
                   EventLog* log)
    : options_(std::move(options)),
      catalog_(catalog),
      rules_(rules),
      hooks_(std::move(hooks)),
      log_(log),
      sources_(options_.sources.size()),
      thread_([this] { Run(); }) {}

void Follower::Stop() {
  stop_.Stop();
  if (thread_.joinable()) thread_.join();
}

void Follower::Run() {
  const WorkScope scope(stop_.token());
  do {
    const Clock::time_point began = Clock::now();
    const absl::Status status = WithinMemory([this] { return Pass(); });
    if (stop_.stopped()) return;
    Note(status, began);
    hooks_.on_pass(InSync());
  } while (!stop_.WaitFor(Pause()));
}

absl::Status Follower::Pass() {
  absl::Status first;
  answers_ = 0;  // whom errors are told of when none does
  for (size_t source = 0; source < sources_.size(); ++source) {
    absl::Status status = PassFrom(source);
    if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) {
      answers_ = source;
      return status;
    }
    sources_[source].reset();  // the next one resolves the name anew
    if (source == 0) first = status;
    if (stop_.stopped()) break;
  }
  return first;
}

absl::Status Follower::PassFrom(size_t source) {
  const std::string& address = options_.sources[source];
  if (sources_[source] == nullptr) {
    GF_ASSIGN_OR_RETURN(sources_[source], ConnectToSource(address, options_.security,
                                                          [this] { return stop_.stopped(); }));
  }
  CatalogStore here(catalog_);
  return SyncVersions(
      {.from = address,
       .remove = options_.deletes && source == 0,
       .on_version = [&](const SyncedVersion& version) { OnVersion(version, address); },
       .check =
           [this] {
             GF_RETURN_IF_ERROR(CheckWanted());
             return rules_.CheckRoom("copies");
           }},
      *sources_[source], here);
}

void Follower::OnVersion(const SyncedVersion& version, const std::string& source) {
  if (version.state == SyncState::kPresent) return;
  const bool copied = version.state == SyncState::kCopied;
  if (log_ != nullptr) {
    log_->Audit({.action = copied ? "copy" : "delete",
                 .dataset = version.Title(),
                 .details = {{"follows", source}}});
  }
  MutexLock lock(&mu_);
  ++(copied ? copied_ : deleted_);
}

void Follower::Note(const absl::Status& status, Clock::time_point began) {
  MutexLock lock(&mu_);
  if (status.ok()) {
    if (log_ != nullptr && (!complete_ || !last_.ok() || answers_ != in_sync_with_)) {
      log_->Write(
          LogLevel::kInfo, "follow.in_sync",
          {{"source", options_.sources[answers_]}, {"failed_passes", int64_t{failed_in_a_row_}}});
    }
    in_sync_with_ = answers_;
    fresh_ = began;
    complete_ = true;
    last_success_ = absl::Now();
    failed_in_a_row_ = 0;
  } else {
    if (log_ != nullptr && last_.code() != status.code()) {
      log_->Write(LogLevel::kWarn, "follow.failed",
                  {{"source", options_.sources[answers_]},
                   {"code", absl::StatusCodeToString(status.code())},
                   {"message", absl::StrCat(status.message(),
                                            " (what is here is served; it is tried again)")}});
    }
    ++failures_;
    ++failed_in_a_row_;
  }
  last_ = status;
}

absl::Duration Follower::Pause() {
  absl::Duration pause = options_.every;
  MutexLock lock(&mu_);
  for (int i = 0; i < std::min(failed_in_a_row_, kMaxDoublings); ++i) pause *= 2;
  pause = std::min(pause, std::max(options_.every, kLongestPause));
  // Replicas that were started together do not ask together.
  return pause * absl::Uniform(random_, 0.9, 1.1);
}

absl::Duration Follower::Lag() const { return absl::FromChrono(Clock::now() - fresh_); }

absl::Status Follower::InSync() const {
  MutexLock lock(&mu_);
  const std::string why = last_.ok() ? "" : absl::StrCat(": ", last_.message());
  if (!complete_) {
    return absl::UnavailableError(
        absl::StrCat("not in sync: no complete pass over ", options_.sources.front(), " yet", why));
  }
  if (options_.max_lag == absl::ZeroDuration() || Lag() <= options_.max_lag) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "stale: the last complete pass over ", options_.sources.front(), " is ", Seconds(Lag()),
      " old; --follow-max-lag is ", absl::FormatDuration(options_.max_lag), why));
}

Follower::Counts Follower::counts() const {
  MutexLock lock(&mu_);
  return {.lag_seconds = absl::ToDoubleSeconds(Lag()),
          .last_success = complete_ ? absl::ToDoubleSeconds(last_success_ - absl::UnixEpoch()) : 0,
          .copied = copied_,
          .deleted = deleted_,
          .failures = failures_};
}

std::vector<Metrics::Reading> SyncReadings(const Follower* follower) {
  const Follower::Counts counts = follower == nullptr ? Follower::Counts() : follower->counts();
  const bool in_sync = follower == nullptr || follower->InSync().ok();
  const auto single = [](const char* name, const char* help, bool counter, double value) {
    return Metrics::Reading{
        .name = name, .help = help, .counter = counter, .label = "", .values = {{"", value}}};
  };
  return {
      single("graphfeed_in_sync", "0: a replica before its first complete pass, or a stale one.",
             false, in_sync ? 1 : 0),
      single("graphfeed_sync_lag_seconds",
             "Since the last complete pass over what is followed began, or the server started.",
             false, counts.lag_seconds),
      single("graphfeed_sync_last_success_timestamp_seconds",
             "When the last complete pass ended; 0: there was none.", false, counts.last_success),
      {.name = "graphfeed_synced_versions_total",
       .help = "Versions that were copied from, or deleted as by, what is followed.",
       .counter = true,
       .label = "what",
       .values = {{"copied", static_cast<double>(counts.copied)},
                  {"deleted", static_cast<double>(counts.deleted)}}},
      single("graphfeed_sync_failures_total", "Passes that failed.", true,
             static_cast<double>(counts.failures)),
  };
}

}  // namespace graphfeed
