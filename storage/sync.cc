#include "storage/sync.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using VersionKey = std::pair<std::string, int64_t>;  // in the order in which they were made
using VersionMap = std::map<VersionKey, Fingerprint>;

std::string TitleOf(const VersionKey& key) { return absl::StrCat(key.first, "@", key.second); }

class SyncPass {
 public:
  SyncPass(const SyncOptions& options, DatasetStore& from, DatasetStore& to)
      : options_(options), from_(from), to_(to) {}

  absl::Status Run() {
    // In this order, so that what another pass copies meanwhile is not taken for deleted.
    GF_ASSIGN_OR_RETURN(const VersionMap present, List(to_));
    GF_ASSIGN_OR_RETURN(const VersionMap wanted, List(from_));
    GF_RETURN_IF_ERROR(CheckBefore(present, wanted));
    for (const auto& [key, fingerprint] : wanted) {
      if (present.contains(key)) {
        Add(key, fingerprint, SyncState::kPresent);
      } else {
        GF_RETURN_IF_ERROR(Copy(key, fingerprint));
      }
    }
    for (const auto& [key, fingerprint] : present) {
      if (!options_.remove || wanted.contains(key)) continue;
      GF_ASSIGN_OR_RETURN(const bool gone, IsGone(key));
      if (!gone) continue;
      const absl::Status status = to_.Delete(key.first, key.second);
      if (absl::IsNotFound(status)) continue;  // by somebody else
      GF_RETURN_IF_ERROR(status);
      Add(key, fingerprint, SyncState::kDeleted);
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<VersionMap> List(DatasetStore& store) const {
    const std::set<std::string> names(options_.names.begin(), options_.names.end());
    GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> infos, store.List());
    VersionMap versions;
    for (const DatasetInfo& info : infos) {
      if (!names.empty() && !names.contains(info.name)) continue;
      versions[{info.name, info.version}] = info.fingerprint;
    }
    return versions;
  }

  static bool Has(const VersionMap& versions, const std::string& name) {
    const auto first = versions.lower_bound({name, 0});
    return first != versions.end() && first->first.first == name;
  }

  // Before anything is changed.
  absl::Status CheckBefore(const VersionMap& present, const VersionMap& wanted) const {
    for (const std::string& name : options_.names) {
      if (Has(wanted, name) || (options_.remove && Has(present, name))) continue;
      return absl::NotFoundError(
          absl::StrCat("there is no dataset \"", name, "\" at ", options_.from));
    }
    // More likely a server that was started on an empty folder by mistake than one whose last
    // dataset was deleted.
    if (options_.remove && options_.names.empty() && wanted.empty() && !present.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(options_.from, " has no datasets at all: none of the ", present.size(),
                       " versions here is deleted"));
    }
    for (const auto& [key, fingerprint] : wanted) {
      const auto found = present.find(key);
      if (found != present.end()) GF_RETURN_IF_ERROR(Compare(key, fingerprint, found->second));
    }
    return absl::OkStatus();
  }

  // What a caller has no grant for is missing in lists, too, and is not deleted for that.
  absl::StatusOr<bool> IsGone(const VersionKey& key) {
    const absl::Status status = from_.Export(TitleOf(key)).status();
    if (status.ok() || absl::IsNotFound(status)) return !status.ok();
    return absl::Status(status.code(), absl::StrCat("whether ", options_.from, " still has ",
                                                    TitleOf(key), ": ", status.message()));
  }

  // Two histories under one name: no order of copying makes one of them.
  absl::Status Compare(const VersionKey& key, const Fingerprint& there,
                       const Fingerprint& here) const {
    if (there == here) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(TitleOf(key), " has fingerprint ",
                                                      DigestHex(there), " at ", options_.from,
                                                      " and ", DigestHex(here), " here"));
  }

  // The commit at the replica compares the fingerprint of what it has stored.
  absl::Status Copy(const VersionKey& key, const Fingerprint& fingerprint) {
    if (options_.check != nullptr) GF_RETURN_IF_ERROR(options_.check());
    absl::StatusOr<std::unique_ptr<GraphSource>> source = from_.Export(TitleOf(key));
    if (absl::IsNotFound(source.status())) return absl::OkStatus();  // deleted meanwhile
    if (!source.ok()) return NotCopied(key, source.status());
    const IngestSpec& spec = (*source)->spec();
    if (!spec.copy_of.has_value() || VersionKey(spec.name, spec.copy_of->version) != key) {
      return absl::DataLossError(
          absl::StrCat(options_.from, " sent another version than ", TitleOf(key)));
    }
    const ImportProgress progress = [&](absl::string_view unit, int64_t done, int64_t total) {
      if (options_.progress != nullptr) options_.progress(TitleOf(key), unit, done, total);
    };
    const absl::StatusOr<DatasetInfo> info =
        Transfer(**source, spec, to_, progress, options_.check);
    if (absl::IsAlreadyExists(info.status())) return FindCopied(key, fingerprint, info.status());
    if (!info.ok()) return NotCopied(key, info.status());
    Add(key, info->fingerprint, SyncState::kCopied);
    return absl::OkStatus();
  }

  static absl::Status NotCopied(const VersionKey& key, const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("copying ", TitleOf(key), ": ", status.message()));
  }

  // Somebody else has copied it meanwhile, as it is.
  absl::Status FindCopied(const VersionKey& key, const Fingerprint& fingerprint,
                          const absl::Status& refusal) {
    GF_ASSIGN_OR_RETURN(const VersionMap present, List(to_));
    const auto found = present.find(key);
    if (found == present.end()) return refusal;
    GF_RETURN_IF_ERROR(Compare(key, fingerprint, found->second));
    Add(key, fingerprint, SyncState::kPresent);
    return absl::OkStatus();
  }

  void Add(const VersionKey& key, const Fingerprint& fingerprint, SyncState state) const {
    if (options_.on_version == nullptr) return;
    options_.on_version(
        {.name = key.first, .version = key.second, .fingerprint = fingerprint, .state = state});
  }

  const SyncOptions& options_;
  DatasetStore& from_;
  DatasetStore& to_;
};

}  // namespace

std::string SyncedVersion::Title() const { return absl::StrCat(name, "@", version); }

absl::Status SyncVersions(const SyncOptions& options, DatasetStore& from, DatasetStore& to) {
  return SyncPass(options, from, to).Run();
}

absl::StatusOr<DatasetInfo> Transfer(GraphSource& source, const IngestSpec& spec, DatasetStore& to,
                                     const ImportProgress& progress,
                                     const std::function<absl::Status()>& check) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<GraphSink> sink, to.Ingest(spec));
  while (true) {
    if (check != nullptr) GF_RETURN_IF_ERROR(check());
    GF_ASSIGN_OR_RETURN(std::optional<GraphBlock> block, source.Next());
    if (!block.has_value()) return sink->Commit();
    GF_RETURN_IF_ERROR(sink->Append(*std::move(block)));
    progress(UnitOf(spec), source.done(), source.total());
  }
}

const char* UnitOf(const IngestSpec& spec) { return spec.collection ? "graphs" : "rows"; }

}  // namespace graphfeed
