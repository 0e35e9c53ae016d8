#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/dataset_store.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text_output.h"
#include "client/flags/flag_values.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/sync.h"

namespace graphfeed {
namespace {

struct SyncFlags {
  std::string from;
  StoreFlags to;
  std::vector<std::string> names;  // none: all
  bool remove = false;
  bool follow = false;
  double interval_seconds = 10;
  bool json = false;
  bool progress = ProgressByDefault();
};

const char* NameOf(SyncState state) {
  switch (state) {
    case SyncState::kPresent:
      return "present";
    case SyncState::kCopied:
      return "copied";
    case SyncState::kDeleted:
      break;
  }
  return "deleted";
}

using SyncRows = std::vector<SyncedVersion>;

// One look at both sides; `rows` is what was done before something failed, too.
absl::Status RunPass(const SyncFlags& flags, DatasetStore& from, DatasetStore& to,
                     const Console& console, SyncRows& rows) {
  ProgressBar bar(console.err, flags.progress);
  absl::Status status =
      SyncVersions({.from = flags.from,
                    .names = flags.names,
                    .remove = flags.remove,
                    .on_version = [&](const SyncedVersion& version) { rows.push_back(version); },
                    .progress = [&](const std::string& title, absl::string_view unit, int64_t done,
                                    int64_t total) { bar.Update(title, unit, done, total); }},
                   from, to);
  bar.Clear();
  return status;
}

void Report(const SyncRows& rows, bool json, const Console& console) {
  if (json) {
    Json list = Json::array();
    for (const SyncedVersion& row : rows) {
      list.push_back({{"name", row.name},
                      {"version", row.version},
                      {"fingerprint", DigestHex(row.fingerprint)},
                      {"state", NameOf(row.state)}});
    }
    console.out << Dump(list, 2) << "\n";
    return;
  }
  TextTable table({"DATASET", "FINGERPRINT", "STATE"});
  for (const SyncedVersion& row : rows) {
    table.Add({row.Title(), DigestHex(row.fingerprint), NameOf(row.state)});
  }
  console.out << table.ToString();
}

// For as long as the process lives. A side that cannot be reached is one more reason to look again;
// what looking again cannot cure ends it.
absl::Status Follow(const SyncFlags& flags, DatasetStore& from, DatasetStore& to,
                    const Console& console) {
  for (;; absl::SleepFor(absl::Seconds(flags.interval_seconds))) {
    SyncRows rows;
    absl::Status status = RunPass(flags, from, to, console, rows);
    for (const SyncedVersion& row : rows) {
      if (row.state == SyncState::kPresent) continue;
      console.out << NameOf(row.state) << " " << row.Title() << " " << DigestHex(row.fingerprint)
                  << std::endl;
    }
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
        absl::IsResourceExhausted(status) || absl::IsCancelled(status) ||
        absl::IsNotFound(status)) {
      console.err << "graphfeed: " << status.message() << std::endl;
    } else if (!status.ok()) {
      return status;
    }
  }
}

absl::Status Sync(const SyncFlags& flags, const Console& console) {
  if (!flags.to.place.given() && absl::StrContains(flags.to.server.server, ',')) {
    return absl::InvalidArgumentError(absl::StrCat("--server is \"", flags.to.server.server,
                                                   "\"; one server at a time can be synced"));
  }
  StoreFlags writer;
  writer.server = flags.to.server;
  writer.server.server = flags.from;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> from, writer.Open());
  // Before anything is made here: the other server may not be there.
  if (!flags.follow) GF_RETURN_IF_ERROR(from->List().status());
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> to, flags.to.OpenOrCreate());
  if (flags.follow) return Follow(flags, *from, *to, console);
  SyncRows rows;
  absl::Status status = RunPass(flags, *from, *to, console, rows);
  if (status.ok() || !rows.empty()) Report(rows, flags.json, console);
  return status;
}

}  // namespace

void AddSyncCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<SyncFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "sync",
      "Copy the versions that another server has and this one lacks, with their numbers, and prove "
      "by fingerprint that both hold the same");
  command->add_option("names", flags->names, "datasets (default: all)");
  command->add_option("--from", flags->from, "address of the server that is followed")->required();
  flags->to.Register(*command, "into this data folder instead; no server may run on it");
  command->add_flag("--delete", flags->remove,
                    "delete here what the other server does not have (any more)");
  CLI::Option* follow = command->add_flag("--follow", flags->follow, "go on for ever");
  command->add_option("--interval", flags->interval_seconds, "seconds between looks")
      ->needs(follow)
      ->capture_default_str()
      ->check(Positive());
  command->add_flag("--progress,!--no-progress", flags->progress,
                    "show how far it is (default: on a terminal)");
  command->add_flag("--json", flags->json, "print it as JSON")->excludes(follow);
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Sync(*flags, console); };
  });
}

}  // namespace graphfeed
