#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/comparison_output.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/cpp/plan_comparison.h"
#include "client/flags/spec_flags.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

struct PlanFlags {
  ServerFlags server;
  SpecFlags spec;
  std::string save_spec;
  bool json = false;
};

absl::Status SaveSpec(const BatchSpec& spec, const std::string& path) {
  std::ofstream file(path);
  file << Dump(ToJson(spec, SpecIds::kWritten), 2) << "\n";
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("--save-spec: cannot write \"", path, "\""));
}

absl::Status DescribePlan(const PlanFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(StreamOptions options, flags.spec.Build());
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  // Of strategies that could replace each other.
  std::optional<PlanComparison> comparison;
  std::optional<SizeEstimate> sizes;
  PlanDescription description;
  if (Pads(options.spec.strategy) && !Samples(options.spec.strategy)) {
    GF_ASSIGN_OR_RETURN(const std::optional<SizeTarget> target, flags.spec.target());
    GF_ASSIGN_OR_RETURN(comparison, ComparePlans(*client, options, target));
    const StrategyPlan& asked = *comparison->Find(options.spec.strategy);
    GF_RETURN_IF_ERROR(asked.refused);
    description = asked.description;
  } else {
    GF_ASSIGN_OR_RETURN(sizes, flags.spec.EstimateSizes(*client, options));
    GF_ASSIGN_OR_RETURN(description, client->DescribePlan(options));
  }
  const PlanSummary& plan = description.plan;
  const BatchSpec& spec = description.resolved_spec;
  if (!flags.save_spec.empty()) GF_RETURN_IF_ERROR(SaveSpec(spec, flags.save_spec));
  if (flags.json) {
    Json json = {{"dataset", options.dataset},
                 {"fingerprint", DigestHex(description.fingerprint)},
                 {"seed", options.seed},
                 {"epoch", options.start_epoch},
                 {"spec", ToJson(spec)},
                 {"plan", ToJson(plan, spec.sampling.has_value())},
                 {"graphs_per_batch", description.graphs_per_batch},
                 {"slab_bytes", description.layout.slab_bytes},
                 {"tensors", LayoutToJson(description.layout, description.layout.places)}};
    if (sizes.has_value()) json["budget"] = ToJson(*sizes);
    if (comparison.has_value()) AddComparison(*comparison, json);
    console.out << Dump(json, 2) << "\n";
    return absl::OkStatus();
  }
  std::ostream& out = console.out;
  out << "dataset          " << options.dataset << "\n"
      << "strategy         " << FlagOf(spec.strategy) << ", "
      << (spec.shuffle ? "shuffled" : "in order") << ", over-size " << FlagOf(spec.over_size)
      << "\n"
      << "seed, epoch      " << options.seed << ", " << options.start_epoch << "\n";
  if (spec.options.has_value()) {
    out << "padded to        " << FormatCount(spec.options->num_graphs) << " graphs, "
        << FormatTypedCounts(spec.options->num_nodes) << " nodes, "
        << FormatTypedCounts(spec.options->num_edges) << " edges";
    if (!spec.options->num_rows.empty())
      out << ", " << FormatTypedCounts(spec.options->num_rows) << " rows";
    out << "\n";
  }
  if (sizes.has_value()) out << "sizes            " << FormatSizeEstimate(*sizes) << "\n";
  out << "batches          " << FormatCount(plan.num_batches);
  if (spec.micro_batches > 1) {
    out << " in " << FormatCount(plan.num_frames) << " frames of " << spec.micro_batches;
  }
  if (plan.lower_bound_batches > 0 && !spec.sampling.has_value()) {
    out << "; no packing needs fewer than " << FormatCount(plan.lower_bound_batches);
  }
  out << "\n";
  if (options.num_shards > 1) {
    out << "frames of shard  " << FormatCount(plan.shard_frames) << "\n";
  }
  if (spec.sampling.has_value()) {
    out << (spec.strategy == Strategy::kCluster ? "clusters         " : "seeds            ")
        << FormatCount(plan.real.seeds) << "\n"
        << "efficiency       not known before the batches are made\n";
    if (!description.layout.ragged) {
      out << "bytes per batch  " << FormatCount(description.layout.slab_bytes) << "\n\n"
          << LayoutTable(description.layout, description.layout.places);
    }
    return absl::OkStatus();
  }
  out << "graphs           " << FormatCount(plan.num_graphs);
  if (plan.skipped_graphs > 0) out << " (" << FormatCount(plan.skipped_graphs) << " skipped)";
  out << "\n"
      << "efficiency       " << FormatPercent(plan.node_efficiency) << " of the nodes and "
      << FormatPercent(plan.edge_efficiency) << " of the edges are real\n";
  if (!description.layout.ragged) {
    out << "bytes per batch  " << FormatCount(description.layout.slab_bytes) << "\n\n"
        << LayoutTable(description.layout, description.layout.places);
  }
  out << "\n";
  if (comparison.has_value()) {
    out << ComparisonText(*comparison);
  } else {
    out << Histogram(description.graphs_per_batch);
  }
  return absl::OkStatus();
}

}  // namespace

void AddPlanCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<PlanFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "plan", "Show the batches of an epoch without making them: number, shapes, efficiency");
  flags->spec.Register(*command);
  flags->server.Register(*command);
  flags->server.RegisterDataDir(*command);
  command->add_option(
      "--save-spec", flags->save_spec,
      "write the spec, as the server resolved it, to this file for graphfeed-worker");
  command->add_flag("--json", flags->json, "print it as JSON");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return DescribePlan(*flags, console); };
  });
}

}  // namespace graphfeed
