#include "server/upkeep.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/serving/snapshots.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kRound = absl::Seconds(1);
// A snapshot that failed is tried again after so long, or --snapshot-every if that is less.
constexpr absl::Duration kAnotherAttempt = absl::Minutes(5);

RetentionOptions RetentionOf(const ServerConfig& config) {
  return {.keep_versions = config.keep_versions,
          .keep_for = config.keep_for,
          .pins = ParsePins(config.pin).value_or(std::vector<std::string>())};
}

std::string Words(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

Upkeep::Upkeep(const ServerConfig& config, Catalog& catalog, const WriteRules& rules, Forget forget,
               EventLog* log)
    : config_(config),
      catalog_(catalog),
      rules_(rules),
      forget_(std::move(forget)),
      log_(log),
      retention_(RetentionOf(config)),
      snapshots_(config.snapshot_every > absl::ZeroDuration()) {
  if (snapshots_) {
    const std::vector<std::string> names = ScheduledSnapshots(config.snapshot_dir);
    MutexLock lock(&mu_);
    if (!names.empty()) last_snapshot_ = *TimeOfScheduledSnapshot(names.back());
  }
  if (snapshots_ || retention_.removes()) thread_ = std::thread([this] { Run(); });
}

void Upkeep::Tell(LogLevel level, absl::string_view event, const std::string& message) const {
  if (log_ != nullptr) log_->Write(level, event, {{"message", message}});
}

void Upkeep::Audit(const AuditEntry& entry) const {
  if (log_ != nullptr) log_->Audit(entry);
}

void Upkeep::Stop() {
  stop_.Stop();
  if (thread_.joinable()) thread_.join();
}

void Upkeep::Run() {
  const WorkScope scope(stop_.token());
  do {
    if (retention_.removes()) RemoveVersions();
    if (snapshots_) KeepSnapshots();
  } while (!stop_.WaitFor(kRound));
}

void Upkeep::RemoveVersions() {
  const absl::Time now = absl::Now();
  const Clock::time_point steady = Clock::now();
  if (const auto jump = clock_.Observe(now, steady);
      jump.has_value() && retention_.keep_for > absl::ZeroDuration()) {
    Tell(LogLevel::kWarn, "retention.clock",
         absl::StrCat(
             "the clock has jumped by ", absl::FormatDuration(absl::Trunc(*jump, absl::Seconds(1))),
             ": --keep-for removes nothing for ", absl::FormatDuration(ClockGuard::kDistrust)));
  }
  if (retention_.keep_for > absl::ZeroDuration() && clock_.Distrusted(steady)) return;
  absl::Status failure;
  std::map<Fingerprint, Clock::time_point> forgotten;
  for (const VersionAge& version : VersionsToRemove(catalog_.Ages(), retention_, now)) {
    const absl::Status status =
        catalog_.DeleteUnused(version.name, version.version, config_.keep_used);
    if (absl::IsFailedPrecondition(status)) {
      // Perhaps by what is cached of it alone; but streams that run share that.
      const auto last = forgotten_.find(version.fingerprint);
      const bool again = last == forgotten_.end() ||
                         steady - last->second >= absl::ToChronoNanoseconds(config_.keep_used);
      if (again) forget_(version.fingerprint);
      forgotten[version.fingerprint] = again ? steady : last->second;
      continue;
    }
    if (absl::IsNotFound(status)) continue;
    failure.Update(status);
    if (!status.ok()) continue;
    Audit({.action = "retention",
           .dataset = absl::StrCat(version.name, "@", version.version),
           .details = {{"keep_versions", retention_.keep_versions},
                       {"keep_for", absl::FormatDuration(retention_.keep_for)}}});
    MutexLock lock(&mu_);
    ++versions_removed_;
  }
  forgotten_ = std::move(forgotten);
  if (!failure.ok() && failure.code() != last_removal_.code()) {
    Tell(LogLevel::kWarn, "retention.failed",
         absl::StrCat("cannot remove versions that are no longer kept: ", Words(failure)));
  }
  last_removal_ = failure;
}

// By the times in names, so that a restart keeps the interval; where those lie in the future, since
// the clock was set back, by the time since the last attempt.
bool Upkeep::SnapshotIsDue(absl::Time now, Clock::time_point steady) const {
  const absl::Duration since =
      attempted_once_ ? absl::FromChrono(steady - attempted_) : absl::InfiniteDuration();
  if (!last_attempt_.ok()) return since >= std::min(config_.snapshot_every, kAnotherAttempt);
  if (since >= config_.snapshot_every && attempted_once_) return true;
  MutexLock lock(&mu_);
  if (last_snapshot_ > now) return !attempted_once_;
  return now - last_snapshot_ >= config_.snapshot_every;
}

void Upkeep::KeepSnapshots() {
  const absl::Time now = absl::Now();
  const Clock::time_point steady = Clock::now();
  if (!SnapshotIsDue(now, steady)) return;
  const absl::Status status = WithinMemory([&] { return MakeScheduledSnapshot(now); });
  if (stop_.stopped()) return;
  if (!status.ok() && status.code() != last_attempt_.code()) {
    Audit({.action = "snapshot", .result = status, .details = {{"scheduled", true}}});
  }
  attempted_ = steady;
  attempted_once_ = true;
  last_attempt_ = status;
  MutexLock lock(&mu_);
  ++(status.ok() ? snapshots_made_ : snapshots_failed_);
}

absl::Status Upkeep::MakeScheduledSnapshot(absl::Time now) {
  const std::string& dir = config_.snapshot_dir;
  const std::string name = ScheduledSnapshotName(now);
  GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> versions,
                      MakeSnapshot(catalog_, rules_, dir, name));
  Audit({.action = "snapshot",
         .details = {{"scheduled", true},
                     {"name", name},
                     {"versions", static_cast<int64_t>(versions.size())}}});
  {
    MutexLock lock(&mu_);
    last_snapshot_ = now;
  }
  std::vector<std::string> removed;
  absl::Status status = RotateSnapshots(dir, name, config_.snapshot_keep, removed);
  for (const std::string& gone : removed) {
    Audit({.action = "snapshot_rotation", .details = {{"name", gone}}});
  }
  return status;
}

std::vector<Metrics::Reading> Upkeep::Readings() const {
  MutexLock lock(&mu_);
  const double last = last_snapshot_ == absl::InfinitePast()
                          ? 0
                          : absl::ToDoubleSeconds(last_snapshot_ - absl::UnixEpoch());
  return {{.name = "graphfeed_retention_removed_versions_total",
           .help = "Versions that --keep-versions and --keep-for have removed.",
           .counter = true,
           .label = "",
           .values = {{"", static_cast<double>(versions_removed_)}}},
          {.name = "graphfeed_snapshots_total",
           .help = "Scheduled snapshots, with the removal of old ones.",
           .counter = true,
           .label = "result",
           .values = {{"ok", static_cast<double>(snapshots_made_)},
                      {"failed", static_cast<double>(snapshots_failed_)}}},
          {.name = "graphfeed_snapshot_last_success_timestamp_seconds",
           .help = "Of which time the newest scheduled snapshot is; 0: there is none.",
           .counter = false,
           .label = "",
           .values = {{"", last}}}};
}

}  // namespace graphfeed
