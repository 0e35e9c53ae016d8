#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
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

using VersionKey = std::pair<std::string, int64_t>;  // in the order in which they were made
using Versions = std::map<VersionKey, Fingerprint>;

std::string Title(const VersionKey& key) { return absl::StrCat(key.first, "@", key.second); }

// One look at both sides: what the replica lacks is copied, oldest first.
class Pass {
 public:
  Pass(const SyncFlags& flags, DatasetStore& from, DatasetStore& to, const Console& console)
      : flags_(flags), from_(from), to_(to), bar_(console.err, flags.progress) {}

  absl::Status Run() {
    // In this order, so that what another pass copies meanwhile is not taken for deleted.
    GF_ASSIGN_OR_RETURN(const Versions present, List(to_));
    GF_ASSIGN_OR_RETURN(const Versions wanted, List(from_));
    for (const std::string& name : flags_.names) {
      if (Has(wanted, name) || (flags_.remove && Has(present, name))) continue;
      return absl::NotFoundError(
          absl::StrCat("there is no dataset \"", name, "\" at ", flags_.from));
    }
    // Before anything is changed.
    for (const auto& [key, fingerprint] : wanted) {
      const auto found = present.find(key);
      if (found != present.end()) GF_RETURN_IF_ERROR(Compare(key, fingerprint, found->second));
    }
    for (const auto& [key, fingerprint] : wanted) {
      if (present.contains(key)) {
        Add(key, fingerprint, "present");
      } else {
        GF_RETURN_IF_ERROR(Copy(key, fingerprint));
      }
    }
    for (const auto& [key, fingerprint] : present) {
      if (!flags_.remove || wanted.contains(key)) continue;
      const absl::Status status = to_.Delete(key.first, key.second);
      if (absl::IsNotFound(status)) continue;  // by somebody else
      GF_RETURN_IF_ERROR(status);
      Add(key, fingerprint, "deleted");
    }
    bar_.Clear();
    return absl::OkStatus();
  }

  struct Row {
    VersionKey key;
    Fingerprint fingerprint;
    const char* state;
  };
  const std::vector<Row>& rows() const { return rows_; }

 private:
  absl::StatusOr<Versions> List(DatasetStore& store) const {
    const std::set<std::string> names(flags_.names.begin(), flags_.names.end());
    GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> infos, store.List());
    Versions versions;
    for (const DatasetInfo& info : infos) {
      if (!names.empty() && !names.contains(info.name)) continue;
      versions[{info.name, info.version}] = info.fingerprint;
    }
    return versions;
  }

  static bool Has(const Versions& versions, const std::string& name) {
    const auto first = versions.lower_bound({name, 0});
    return first != versions.end() && first->first.first == name;
  }

  // Two histories under one name: no order of copying makes one of them.
  absl::Status Compare(const VersionKey& key, const Fingerprint& there,
                       const Fingerprint& here) const {
    if (there == here) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(Title(key), " has fingerprint ",
                                                      DigestHex(there), " at ", flags_.from,
                                                      " and ", DigestHex(here), " here"));
  }

  // The commit at the replica compares the fingerprint of what it has stored.
  absl::Status Copy(const VersionKey& key, const Fingerprint& fingerprint) {
    absl::StatusOr<std::unique_ptr<GraphSource>> source = from_.Export(Title(key));
    if (absl::IsNotFound(source.status())) return absl::OkStatus();  // deleted meanwhile
    if (!source.ok()) return NotCopied(key, source.status());
    const IngestSpec& spec = (*source)->spec();
    if (!spec.copy_of.has_value() || VersionKey(spec.name, spec.copy_of->version) != key) {
      return absl::DataLossError(
          absl::StrCat(flags_.from, " sent another version than ", Title(key)));
    }
    const absl::StatusOr<DatasetInfo> info =
        Transfer(**source, spec, to_, [&](absl::string_view unit, int64_t done, int64_t total) {
          bar_.Update(Title(key), unit, done, total);
        });
    if (absl::IsAlreadyExists(info.status())) return FindCopied(key, fingerprint, info.status());
    if (!info.ok()) return NotCopied(key, info.status());
    Add(key, info->fingerprint, "copied");
    return absl::OkStatus();
  }

  static absl::Status NotCopied(const VersionKey& key, const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("copying ", Title(key), ": ", status.message()));
  }

  // Somebody else has copied it meanwhile, as it is.
  absl::Status FindCopied(const VersionKey& key, const Fingerprint& fingerprint,
                          const absl::Status& refusal) {
    GF_ASSIGN_OR_RETURN(const Versions present, List(to_));
    const auto found = present.find(key);
    if (found == present.end()) return refusal;
    GF_RETURN_IF_ERROR(Compare(key, fingerprint, found->second));
    Add(key, fingerprint, "present");
    return absl::OkStatus();
  }

  void Add(const VersionKey& key, const Fingerprint& fingerprint, const char* state) {
    rows_.push_back({key, fingerprint, state});
  }

  const SyncFlags& flags_;
  DatasetStore& from_;
  DatasetStore& to_;
  ProgressBar bar_;
  std::vector<Row> rows_;
};

void Report(const std::vector<Pass::Row>& rows, bool json, const Console& console) {
  if (json) {
    Json list = Json::array();
    for (const Pass::Row& row : rows) {
      list.push_back({{"name", row.key.first},
                      {"version", row.key.second},
                      {"fingerprint", DigestHex(row.fingerprint)},
                      {"state", row.state}});
    }
    console.out << Dump(list, 2) << "\n";
    return;
  }
  TextTable table({"DATASET", "FINGERPRINT", "STATE"});
  for (const Pass::Row& row : rows) {
    table.Add({Title(row.key), DigestHex(row.fingerprint), row.state});
  }
  console.out << table.ToString();
}

// For as long as the process lives. A side that cannot be reached is one more reason to look again;
// what looking again cannot cure ends it.
absl::Status Follow(const SyncFlags& flags, DatasetStore& from, DatasetStore& to,
                    const Console& console) {
  for (;; absl::SleepFor(absl::Seconds(flags.interval_seconds))) {
    Pass pass(flags, from, to, console);
    absl::Status status = pass.Run();
    for (const Pass::Row& row : pass.rows()) {
      if (row.state == absl::string_view("present")) continue;
      console.out << row.state << " " << Title(row.key) << " " << DigestHex(row.fingerprint)
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
  if (flags.to.data_dir.empty() && absl::StrContains(flags.to.server.server, ',')) {
    return absl::InvalidArgumentError(absl::StrCat("--server is \"", flags.to.server.server,
                                                   "\"; one server at a time can be synced"));
  }
  StoreFlags writer;
  writer.server = flags.to.server;
  writer.server.server = flags.from;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> from, writer.Open());
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> to, flags.to.OpenOrCreate());
  if (flags.follow) return Follow(flags, *from, *to, console);
  Pass pass(flags, *from, *to, console);
  absl::Status status = pass.Run();
  // Also what was copied before something failed.
  if (status.ok() || !pass.rows().empty()) Report(pass.rows(), flags.json, console);
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
