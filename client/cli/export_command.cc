#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/dataset_store.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text_output.h"
#include "client/cpp/version_file.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

struct ExportFlags {
  StoreFlags from;
  std::string dataset;
  std::string file;
  bool progress = ProgressByDefault();
};

absl::Status Export(const ExportFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> from, flags.from.Open());
  GF_ASSIGN_OR_RETURN(std::unique_ptr<GraphSource> source, from->Export(flags.dataset));
  const IngestSpec spec = source->spec();
  if (!spec.copy_of.has_value()) {
    return absl::DataLossError("the server did not say which version it sends");
  }
  ProgressBar bar(console.err, flags.progress);
  GF_RETURN_IF_ERROR(WriteVersionFile(std::move(source), flags.file,
                                      [&](absl::string_view unit, int64_t done, int64_t total) {
                                        bar.Update("exporting", unit, done, total);
                                      }));
  bar.Clear();
  console.out << spec.name << "@" << spec.copy_of->version << " -> " << flags.file
              << "; fingerprint " << DigestHex(spec.copy_of->fingerprint) << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddExportCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<ExportFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "export", "Write a version into one checksummed file, which `import file` reads");
  command->add_option("dataset", flags->dataset, "NAME (its newest version) or NAME@VERSION")
      ->required();
  command->add_option("file", flags->file, "the file; one that exists is replaced")->required();
  flags->from.Register(*command, "from this data folder instead; no server may run on it");
  command->add_flag("--progress,!--no-progress", flags->progress,
                    "show how far it is (default: on a terminal)");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Export(*flags, console); };
  });
}

}  // namespace graphfeed
