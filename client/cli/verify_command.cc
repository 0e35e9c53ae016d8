#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/cli/data_folder.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text_output.h"
#include "client/flags/flag_values.h"
#include "client/flags/spec_flags.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"

namespace graphfeed {
namespace {

struct VerifyFlags {
  ServerFlags server;
  SpecFlags spec;
  std::optional<int64_t> ordinal;
  PlaceFlags place;
  bool json = false;
  bool progress = ProgressByDefault();
};

struct Checked {
  int64_t ordinal = 0;
  uint64_t digest = 0;
};

Json VersionJson(const DatasetInfo& info) {
  return {{"dataset", absl::StrCat(info.name, "@", info.version)},
          {"fingerprint", DigestHex(info.fingerprint)},
          {"bytes", info.raw_bytes}};
}

std::string VersionText(const DatasetInfo& info) {
  return absl::StrCat(info.name, "@", info.version, ": ",
                      FormatBytes(static_cast<double>(info.raw_bytes)),
                      " read; they are what fingerprint ", DigestHex(info.fingerprint), " says\n");
}

absl::StatusOr<DatasetInfo> VerifyVersion(Catalog& catalog, const std::string& dataset) {
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> opened, catalog.OpenDataset(dataset));
  GF_RETURN_IF_ERROR(opened->Verify());
  return opened->info();
}

// All versions, also when one is damaged: the error names each that is.
absl::Status VerifyAll(Catalog& catalog, const VerifyFlags& flags, const Console& console) {
  const std::vector<DatasetInfo> versions = catalog.List();
  Json good = Json::array();
  std::vector<absl::Status> errors;
  ProgressBar bar(console.err, flags.progress);
  for (const DatasetInfo& version : versions) {
    const auto info = VerifyVersion(catalog, absl::StrCat(version.name, "@", version.version));
    if (!info.ok()) {
      errors.push_back(info.status());
    } else if (flags.json) {
      good.push_back(VersionJson(*info));
    } else {
      bar.Clear();
      console.out << VersionText(*info);
    }
    bar.Update("verifying", "versions", static_cast<int64_t>(&version - versions.data()) + 1,
               static_cast<int64_t>(versions.size()));
  }
  bar.Clear();
  if (flags.json) console.out << Dump(good, 2) << "\n";
  if (errors.empty()) {
    if (versions.empty() && !flags.json) console.out << "There are no datasets.\n";
    return absl::OkStatus();
  }
  return absl::Status(
      errors[0].code(),
      absl::StrCat(errors.size(), " of ", versions.size(), " versions: ",
                   absl::StrJoin(errors, "; ", [](std::string* out, const absl::Status& error) {
                     absl::StrAppend(out, error.message());
                   })));
}

// Reads every chunk where it is stored, of a version or of all; no server may use a data folder
// meanwhile.
absl::Status VerifyFolder(const VerifyFlags& flags, const std::string& dataset,
                          const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog, flags.place.Open(FolderUse::kRead));
  if (dataset.empty()) return VerifyAll(*catalog, flags, console);
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, VerifyVersion(*catalog, dataset));
  console.out << (flags.json ? absl::StrCat(Dump(VersionJson(info), 2), "\n") : VersionText(info));
  return absl::OkStatus();
}

// The frames of an epoch (or one of them) from each server alone; the clients recompute each
// digest. DATA_LOSS where two servers differ.
class EpochCheck {
 public:
  EpochCheck(const VerifyFlags& flags, const Console& console)
      : flags_(flags), console_(console), bar_(console.err, flags.progress) {}

  absl::Status Run(StreamOptions options) {
    const std::vector<std::string> addresses = absl::StrSplit(flags_.server.server, ',');
    std::vector<std::unique_ptr<Client>> clients;
    for (const std::string& address : addresses) {
      ServerFlags one = flags_.server;
      one.server = address;
      GF_ASSIGN_OR_RETURN(clients.emplace_back(), one.Connect());
    }
    options.num_shards = 1;
    options.shard_index = 0;
    GF_RETURN_IF_ERROR(flags_.spec.EstimateSizes(*clients[0], options).status());
    GF_ASSIGN_OR_RETURN(const PlanDescription plan, clients[0]->DescribePlan(options));
    if (flags_.ordinal.has_value() && *flags_.ordinal >= plan.plan.num_frames) {
      return absl::InvalidArgumentError(absl::StrCat("--ordinal is ", *flags_.ordinal, "; epoch ",
                                                     options.start_epoch, " has ",
                                                     plan.plan.num_frames, " frames"));
    }
    options.fingerprint = plan.fingerprint;
    options.spec = plan.resolved_spec;
    const int64_t first = flags_.ordinal.value_or(0);
    const int64_t last = flags_.ordinal.value_or(plan.plan.num_frames - 1);
    for (int64_t ordinal = first; ordinal <= last; ++ordinal) {
      GF_ASSIGN_OR_RETURN(const GetBatchResult expected,
                          clients[0]->GetBatch(options, options.start_epoch, ordinal));
      const uint64_t digest = expected.batch.info().digest;
      for (size_t i = 1; i < clients.size(); ++i) {
        GF_ASSIGN_OR_RETURN(const GetBatchResult other,
                            clients[i]->GetBatch(options, options.start_epoch, ordinal));
        if (other.batch.info().digest == digest && other.info.spec_digest == plan.spec_digest) {
          continue;
        }
        return absl::DataLossError(absl::StrCat(
            "frame ", ordinal, " of epoch ", options.start_epoch, " is ", Hex(digest), " at ",
            addresses[0], " and ", Hex(other.batch.info().digest), " at ", addresses[i]));
      }
      checked_.push_back({.ordinal = ordinal, .digest = digest});
      bar_.Update("verifying", "frames", ordinal - first + 1, last - first + 1);
    }
    // A whole epoch is streamed as well: the same frames, whichever way they are asked for.
    if (!flags_.ordinal.has_value()) GF_RETURN_IF_ERROR(CompareStream(*clients[0], options));
    bar_.Clear();
    Report(plan, options);
    return absl::OkStatus();
  }

 private:
  static std::string Hex(uint64_t digest) {
    return absl::StrCat(absl::Hex(digest, absl::kZeroPad16));
  }

  absl::Status CompareStream(Client& client, StreamOptions options) {
    options.num_epochs = 1;
    GF_ASSIGN_OR_RETURN(const std::unique_ptr<BatchStream> stream, client.StreamBatches(options));
    for (const Checked& checked : checked_) {
      GF_ASSIGN_OR_RETURN(const std::optional<Batch> batch, stream->Next());
      if (!batch.has_value())
        return absl::DataLossError("the stream has fewer frames than its plan");
      if (batch->info().ordinal == checked.ordinal && batch->info().digest == checked.digest) {
        continue;
      }
      return absl::DataLossError(absl::StrCat("frame ", checked.ordinal, " is ",
                                              Hex(checked.digest), " alone and ",
                                              Hex(batch->info().digest), " in a stream"));
    }
    return absl::OkStatus();
  }

  void Report(const PlanDescription& plan, const StreamOptions& options) const {
    if (flags_.json) {
      Json frames = Json::array();
      for (const Checked& checked : checked_) {
        frames.push_back({{"ordinal", checked.ordinal}, {"digest", Hex(checked.digest)}});
      }
      const Json json = {{"dataset", options.dataset},
                         {"fingerprint", DigestHex(plan.fingerprint)},
                         {"spec_digest", DigestHex(plan.spec_digest)},
                         {"seed", options.seed},
                         {"epoch", options.start_epoch},
                         {"frames", frames}};
      console_.out << Dump(json, 2) << "\n";
      return;
    }
    console_.out << "dataset      " << options.dataset << "\n"
                 << "fingerprint  " << DigestHex(plan.fingerprint) << "\n"
                 << "spec digest  " << DigestHex(plan.spec_digest) << "\n"
                 << "seed, epoch  " << options.seed << ", " << options.start_epoch << "\n";
    TextTable table({">ORDINAL", "DIGEST"});
    for (const Checked& checked : checked_) {
      table.Add({absl::StrCat(checked.ordinal), Hex(checked.digest)});
    }
    console_.out << table.ToString();
  }

  const VerifyFlags& flags_;
  const Console& console_;
  ProgressBar bar_;
  std::vector<Checked> checked_;
};

absl::Status Verify(const VerifyFlags& flags, const Console& console) {
  if (flags.place.given()) return VerifyFolder(flags, flags.spec.dataset(), console);
  GF_ASSIGN_OR_RETURN(const StreamOptions options, flags.spec.Build());
  return EpochCheck(flags, console).Run(options);
}

}  // namespace

void AddVerifyCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<VerifyFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "verify",
      "Recompute the digests of an epoch's frames, one by one, streamed and at every server of "
      "--server, and compare them; with --data-dir or --store, the fingerprint of a stored "
      "version, or of all");
  flags->spec.Register(*command, /*needs_dataset=*/false);
  flags->server.Register(*command);
  command->add_option("--ordinal", flags->ordinal, "this frame only")->check(NonNegative());
  flags->place.Register(
      *command,
      "read the whole version (without a dataset: all of them) in this data folder; no "
      "server may run on it");
  command->add_flag("--progress,!--no-progress", flags->progress,
                    "show how far it is (default: on a terminal)");
  command->add_flag("--json", flags->json, "print it as JSON");
  command->callback([flags, &action] {
    if (flags->spec.dataset().empty() && !flags->place.given()) throw CLI::RequiredError("dataset");
    action = [flags](const Console& console) { return Verify(*flags, console); };
  });
}

}  // namespace graphfeed
