#include "client/cli/comparison_output.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/flags/spec_json.h"

namespace graphfeed {
namespace {

constexpr int64_t kBarWidth = 40;
constexpr int64_t kNarrowBarWidth = 12;

std::string Bar(int64_t batches, int64_t most, int64_t width) {
  if (batches == 0) return "";
  return std::string(static_cast<size_t>(std::max<int64_t>(batches * width / most, 1)), '#');
}

int64_t MostOf(absl::Span<const int64_t> graphs_per_batch) {
  int64_t most = 1;
  for (const int64_t batches : graphs_per_batch) most = std::max(most, batches);
  return most;
}

std::string Name(const StrategyPlan& plan) { return std::string(FlagOf(plan.strategy)); }

// Nothing if it may be recommended.
std::string Remark(const StrategyPlan& plan) {
  std::string text;
  if (plan.cut_nodes > 0 || plan.cut_edges > 0) {
    text = absl::StrCat(FormatPercent(plan.cut_nodes), " of the nodes and ",
                        FormatPercent(plan.cut_edges), " of the edges do not fit");
  }
  if (plan.cut_unknown) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "whether all batches fit is not known");
  }
  const int64_t skipped = plan.description.plan.skipped_graphs;
  if (skipped > 0) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", FormatCount(skipped), " graphs skipped");
  }
  return text;
}

// As --num-nodes and --num-edges take them, for a shell.
std::string FlagValue(const std::map<std::string, int64_t>& counts) {
  if (counts.size() == 1 && counts.begin()->first.empty()) {
    return absl::StrCat(counts.begin()->second);
  }
  return absl::StrCat("'", absl::StrJoin(counts, ",", absl::PairFormatter("=")), "'");
}

// A column for each strategy that has a plan: how many batches hold how many graphs.
std::string Histograms(const std::vector<const StrategyPlan*>& plans) {
  std::vector<std::string> header = {">GRAPHS"};
  size_t size = 0;
  for (const StrategyPlan* plan : plans) {
    header.push_back(absl::StrCat(">", Name(*plan)));
    header.emplace_back("");
    size = std::max(size, plan->description.graphs_per_batch.size());
  }
  TextTable table(header);
  for (size_t graphs = 0; graphs < size; ++graphs) {
    std::vector<std::string> row = {absl::StrCat(graphs)};
    bool any = false;
    for (const StrategyPlan* plan : plans) {
      const std::vector<int64_t>& counts = plan->description.graphs_per_batch;
      const int64_t batches = graphs < counts.size() ? counts[graphs] : 0;
      any = any || batches > 0;
      row.push_back(batches > 0 ? FormatCount(batches) : "");
      row.push_back(Bar(batches, MostOf(counts), kNarrowBarWidth));
    }
    if (any) table.Add(std::move(row));
  }
  return table.ToString();
}

Json ToJson(const SizeChoice& choice) {
  return {{"num_graphs", choice.num_graphs},
          {"sampled_graphs", choice.sampled_graphs},
          {"num_batches", choice.num_batches},
          {"lower_bound_batches", choice.lower_bound_batches},
          {"node_efficiency", choice.node_efficiency},
          {"edge_efficiency", choice.edge_efficiency},
          {"padding_share", choice.padding_share},
          {"batch_bytes", choice.batch_bytes}};
}

}  // namespace

std::string Histogram(absl::Span<const int64_t> graphs_per_batch) {
  TextTable table({">GRAPHS", ">BATCHES", ""});
  for (size_t graphs = 0; graphs < graphs_per_batch.size(); ++graphs) {
    const int64_t batches = graphs_per_batch[graphs];
    if (batches == 0) continue;
    table.Add({absl::StrCat(graphs), FormatCount(batches),
               Bar(batches, MostOf(graphs_per_batch), kBarWidth)});
  }
  return table.ToString();
}

std::string ComparisonText(const PlanComparison& comparison) {
  TextTable table({"STRATEGY", ">BATCHES", ">AT LEAST", ">NODES REAL", ">EDGES REAL", ">BYTES",
                   ">NUM_GRAPHS", "NUM_NODES", "NUM_EDGES", ""});
  std::vector<const StrategyPlan*> plans;
  for (const StrategyPlan& plan : comparison.plans) {
    if (!plan.refused.ok()) {
      table.Add({Name(plan), "", "", "", "", "", "", "", "", std::string(plan.refused.message())});
      continue;
    }
    plans.push_back(&plan);
    const PlanSummary& summary = plan.description.plan;
    const FixedSizeOptions& options = *plan.description.resolved_spec.options;
    table.Add(
        {Name(plan), FormatCount(summary.num_batches), FormatCount(summary.lower_bound_batches),
         FormatPercent(summary.node_efficiency), FormatPercent(summary.edge_efficiency),
         FormatBytes(static_cast<double>(plan.epoch_bytes)), FormatCount(options.num_graphs),
         FormatTypedCounts(options.num_nodes), FormatTypedCounts(options.num_edges), Remark(plan)});
  }
  std::string text = absl::StrCat(table.ToString(), "\n", Histograms(plans), "\nrecommended      ");
  if (!comparison.recommended.has_value()) {
    return absl::StrCat(text, "none: larger sizes, or --best\n");
  }
  const StrategyPlan& best = *comparison.Find(*comparison.recommended);
  const FixedSizeOptions& options = *best.description.resolved_spec.options;
  absl::StrAppend(&text, "--strategy ", Name(best));
  if (best.choice.has_value()) {
    absl::StrAppend(&text, " --num-graphs ", options.num_graphs, " --num-nodes ",
                    FlagValue(options.num_nodes));
    if (!options.num_edges.empty()) {
      absl::StrAppend(&text, " --num-edges ", FlagValue(options.num_edges));
    }
  }
  return absl::StrCat(text, ": the fewest bytes for all graphs\n");
}

void AddComparison(const PlanComparison& comparison, Json& json) {
  json["strategies"] = Json::array();
  for (const StrategyPlan& plan : comparison.plans) {
    Json& entry = json["strategies"].emplace_back();
    entry = {{"strategy", Name(plan)}};
    if (!plan.refused.ok()) {
      entry["refused"] = std::string(plan.refused.message());
      continue;
    }
    const PlanDescription& description = plan.description;
    entry["options"] = ToJson(description.resolved_spec)["options"];
    entry["plan"] = ToJson(description.plan, /*sampled=*/false);
    entry["graphs_per_batch"] = description.graphs_per_batch;
    entry["slab_bytes"] = description.layout.slab_bytes;
    entry["epoch_bytes"] = plan.epoch_bytes;
    entry["cut_nodes"] = plan.cut_nodes;
    entry["cut_edges"] = plan.cut_edges;
    entry["cut_unknown"] = plan.cut_unknown;
    if (plan.choice.has_value()) entry["choice"] = ToJson(*plan.choice);
  }
  json["recommended"] = comparison.recommended.has_value()
                            ? Json(std::string(FlagOf(*comparison.recommended)))
                            : Json();
}

}  // namespace graphfeed
