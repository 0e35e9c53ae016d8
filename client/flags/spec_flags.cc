#include "client/flags/spec_flags.h"

#include <fstream>
#include <iterator>
#include <random>
#include <utility>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/flags/flag_values.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
uint64_t DrawSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

absl::StatusOr<std::map<std::string, int64_t>> ParseTypedSizes(absl::string_view flag,
                                                               absl::string_view text) {
  std::map<std::string, int64_t> sizes;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const size_t equals = part.rfind('=');
    const bool typed = equals != absl::string_view::npos;
    const std::string type(typed ? part.substr(0, equals) : "");
    int64_t size = 0;
    if (!absl::SimpleAtoi(typed ? part.substr(equals + 1) : part, &size)) {
      return FlagError(flag, text, "not NUMBER or TYPE=NUMBER,TYPE=NUMBER");
    }
    if (!sizes.emplace(type, size).second) {
      return FlagError(
          flag, text,
          typed ? absl::StrCat("type ", type, " occurs twice") : "one number serves all types");
    }
  }
  if (sizes.size() > 1 && sizes.count("") > 0) {
    return FlagError(flag, text, "a number for all types or one for each, not both");
  }
  return sizes;
}

absl::StatusOr<SizeTarget> ParseSizeTarget(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const std::optional<SizeLimit> limit = FromFlag<SizeLimit>(parts.first);
  SizeTarget target;
  if (!limit.has_value() || !absl::SimpleAtoi(parts.second, &target.at_most)) {
    return FlagError("--best", text, "not nodes=NUMBER, bytes=NUMBER or graphs=NUMBER");
  }
  target.limit = *limit;
  return target;
}

absl::StatusOr<Selection> ParseSelection(absl::string_view text) {
  if (absl::StartsWith(text, "@")) {  // more than a command line holds
    const std::string path(text.substr(1));
    std::ifstream file(path);
    std::string list((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open()) return FlagError("--graphs", text, "the file cannot be read");
    if (absl::StartsWith(list, "@")) return FlagError("--graphs", text, "the file names a file");
    absl::StripTrailingAsciiWhitespace(&list);
    return ParseSelection(list);
  }
  Selection selection;
  const std::pair<absl::string_view, absl::string_view> range =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (text.find(':') != absl::string_view::npos) {
    selection.kind = Selection::Kind::kRange;
    if (!absl::SimpleAtoi(range.first, &selection.start) ||
        !absl::SimpleAtoi(range.second, &selection.stop)) {
      return FlagError("--graphs", text, "not START:STOP");
    }
    return selection;
  }
  selection.kind = Selection::Kind::kIds;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(part, &id)) return FlagError("--graphs", text, "not START:STOP or a,b,c");
    selection.ids.push_back(id);
  }
  return selection;
}

void SpecFlags::Register(CLI::App& command, bool needs_dataset) {
  sampling_.Register(command);
  command.add_option("dataset", dataset_, "NAME or NAME@VERSION")->required(needs_dataset);
  const auto add = [&](const char* name, auto& value, const char* help) {
    return command.add_option(name, value, help);
  };
  add("--strategy", strategy_,
      "pad: the next graphs, padded; pack: as many as fit, in order; best-pack: in nearly as few "
      "batches as there can be; plain: no padding; neighbor: sampled neighbourhoods of seeds; "
      "cluster: clusters of a partition")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<Strategy>()));
  add("--batch-size", batch_size_,
      "graphs of a batch; one of them is padding unless the strategy is plain (default: 2, plain: "
      "1); "
      "neighbor: seeds, cluster: clusters (default: 1)")
      ->check(Positive());
  add("--num-nodes", num_nodes_,
      "padded nodes of a batch: NUMBER, or TYPE=NUMBER,TYPE=NUMBER (default: from the dataset and "
      "--batch-size, or from sampled batches)");
  add("--num-edges", num_edges_,
      "padded edges of a batch: likewise (default: num_nodes * (num_nodes - 1))");
  add("--num-rows", num_rows_,
      "padded rows of a batch, COLUMN=NUMBER,COLUMN=NUMBER, of columns of which every graph has "
      "its "
      "own number of rows");
  add("--num-graphs", num_graphs_, "padded graphs of a batch (default: --batch-size, or 2)")
      ->check(Positive());
  add("--best", best_,
      "sizes that waste least with the strategy, with at most so many padded nodes, bytes or "
      "padded graphs in a batch: nodes=NUMBER, bytes=NUMBER or graphs=NUMBER; instead of the flags "
      "above");
  add("--node-pad-value", node_pad_value_, "value of padding in node columns")
      ->capture_default_str();
  add("--edge-pad-value", edge_pad_value_, "value of padding in edge columns")
      ->capture_default_str();
  add("--graph-pad-value", graph_pad_value_, "value of padding in graph columns")
      ->capture_default_str();
  add("--over-size", over_size_,
      "what becomes of graphs and batches that do not fit (default: error; neighbor and cluster: "
      "trim)")
      ->check(CLI::IsMember(Flags<OverSize>()));
  add("--graphs", graphs_,
      "which graphs (neighbor: seed nodes or edges, cluster: clusters): START:STOP, or a,b,c in "
      "this order, or @FILE with either (default: all)");
  command.add_flag("--shuffle", shuffle_, "another order in every epoch");
  add("--seed", seed_, "of the shuffle and of trimming (default: drawn, and shown)")
      ->check(CheckUnsigned);
  add("--epoch", epoch_, "number of the (first) epoch")
      ->capture_default_str()
      ->check(NonNegative());
  command.add_flag("--drop-last", drop_last_, "drop a last batch that is short");
  add("--micro-batches", micro_batches_, "batches combined in one frame")
      ->capture_default_str()
      ->check(Positive());
  add("--incomplete-step", incomplete_step_, "a last frame with too few batches")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<IncompleteStep>()));
  command.add_flag("--no-masks", no_masks_, "leave out graphs_mask, nodes_mask and edges_mask");
  add("--exclude", exclude_, "columns to leave out, a,b,c")->delimiter(',');
  add("--follow-batch", follow_batch_, "columns that get a batch vector of their own, a,b,c")
      ->delimiter(',');
  add("--index-dtype", index_dtype_, "of edge_index, batch and ptr")
      ->capture_default_str()
      ->check(CLI::IsMember({"int64", "int32"}));
  add("--narrow", narrow_, "int64 columns to send as int32, a,b,c")->delimiter(',');
  add("--float16", float16_, "float columns to send as float16, a,b,c")->delimiter(',');
  add("--sample-limit", sample_limit_,
      "graphs to look at when sizes are taken from the dataset (default: all); sampled batches to "
      "make for that, in as many epochs as needed (default: 1000)")
      ->check(NonNegative());
  add("--quantile", quantile_,
      "sampled batches: the share of them that sizes taken from the dataset need to hold, by type; "
      "what exceeds them is for --over-size")
      ->capture_default_str()
      ->check(Positive())
      ->check(CLI::Range(0.0, 1.0));
  command.add_flag("--ragged", ragged_, "sampled batches: no padding");
  add("--num-shards", num_shards_, "parts that an epoch is divided into")
      ->capture_default_str()
      ->check(Positive());
  add("--shard-index", shard_index_, "which of them")->capture_default_str()->check(NonNegative());
  add("--uneven-shards", uneven_shards_, "what fills shards with fewer frames than others")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<UnevenShards>()));
}

absl::StatusOr<std::optional<SizeTarget>> SpecFlags::target() const {
  if (best_.empty()) return std::optional<SizeTarget>();
  GF_ASSIGN_OR_RETURN(const SizeTarget target, ParseSizeTarget(best_));
  return std::optional<SizeTarget>(target);
}

absl::Status SpecFlags::CheckBest(const BatchSpec& spec) const {
  GF_RETURN_IF_ERROR(target().status());
  if (Samples(spec.strategy) || !Pads(spec.strategy)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--best finds sizes for --strategy pad, pack and best-pack, not ", FlagOf(spec.strategy)));
  }
  if (!num_nodes_.empty() || !num_edges_.empty() || spec.batch_size > 0) {
    return absl::InvalidArgumentError(
        "--best finds the sizes of batches; --num-nodes, --num-edges, --num-graphs and "
        "--batch-size name them: one or the other");
  }
  return absl::OkStatus();
}

absl::Status SpecFlags::BuildSizes(BatchSpec& spec) const {
  if (!best_.empty()) GF_RETURN_IF_ERROR(CheckBest(spec));
  const bool sampled = Samples(spec.strategy);
  if (spec.strategy == Strategy::kPlain || ragged_) {
    if (!num_nodes_.empty() || !num_edges_.empty() || !num_rows_.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--num-nodes, --num-edges and --num-rows are sizes of padded batches; ",
                       ragged_ ? "--ragged" : "--strategy plain", " pads nothing"));
    }
    if (spec.batch_size == 0) spec.batch_size = 1;
    return absl::OkStatus();
  }
  if (sampled && spec.batch_size == 0) spec.batch_size = 1;
  if (!num_nodes_.empty()) {
    FixedSizeOptions sizes;
    GF_ASSIGN_OR_RETURN(sizes.num_nodes, ParseTypedSizes("--num-nodes", num_nodes_));
    if (!num_edges_.empty()) {
      GF_ASSIGN_OR_RETURN(sizes.num_edges, ParseTypedSizes("--num-edges", num_edges_));
    }
    if (!num_rows_.empty()) {
      GF_ASSIGN_OR_RETURN(sizes.num_rows, ParseTypedSizes("--num-rows", num_rows_));
    }
    if (sampled && num_graphs_ > 0) sizes.num_graphs = num_graphs_;
    if (!sampled && spec.batch_size > 0) sizes.num_graphs = spec.batch_size;
    sizes.node_pad_value = node_pad_value_;
    sizes.edge_pad_value = edge_pad_value_;
    sizes.graph_pad_value = graph_pad_value_;
    spec.options = std::move(sizes);
    return absl::OkStatus();
  }
  if (!num_edges_.empty()) return absl::InvalidArgumentError("--num-edges needs --num-nodes");
  if (!num_rows_.empty()) return absl::InvalidArgumentError("--num-rows needs --num-nodes");
  if (spec.batch_size == 0 && best_.empty()) spec.batch_size = 2;
  if (node_pad_value_ != 0 || edge_pad_value_ != 0 || graph_pad_value_ != 0) {
    return absl::InvalidArgumentError("pad values need --num-nodes");
  }
  return absl::OkStatus();
}

absl::Status SpecFlags::BuildBatches(BatchSpec& spec) const {
  spec.strategy = ValueOf<Strategy>(strategy_);
  // As the loaders in Python.
  spec.over_size = !over_size_.empty()                  ? ValueOf<OverSize>(over_size_)
                   : Samples(spec.strategy) && !ragged_ ? OverSize::kTrimNodesAndEdges
                                                        : OverSize::kError;
  spec.ragged = ragged_;
  if (Samples(spec.strategy)) {
    GF_ASSIGN_OR_RETURN(spec.sampling, sampling_.Build(spec.strategy));
    spec.batch_size = batch_size_;
    return BuildSizes(spec);
  }
  GF_RETURN_IF_ERROR(sampling_.CheckNotGiven());
  if (ragged_) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ragged is for --strategy neighbor and cluster; ",
                     "batches of graphs without padding are --strategy plain"));
  }
  if (quantile_ != 1) {
    return absl::InvalidArgumentError("--quantile needs --strategy neighbor or cluster");
  }
  if (batch_size_ > 0 && num_graphs_ > 0 && batch_size_ != num_graphs_) {
    return absl::InvalidArgumentError(absl::StrCat("--batch-size is ", batch_size_,
                                                   " and --num-graphs ", num_graphs_,
                                                   "; they mean the same and must be equal"));
  }
  spec.batch_size = batch_size_ > 0 ? batch_size_ : num_graphs_;
  return BuildSizes(spec);
}

absl::StatusOr<StreamOptions> SpecFlags::Build() const {
  StreamOptions options;
  options.dataset = dataset_;
  BatchSpec& spec = options.spec;
  GF_RETURN_IF_ERROR(BuildBatches(spec));
  if (!graphs_.empty()) {
    GF_ASSIGN_OR_RETURN(spec.selection, ParseSelection(graphs_));
  }
  spec.shuffle = shuffle_;
  spec.drop_last = drop_last_;
  spec.incomplete_step = ValueOf<IncompleteStep>(incomplete_step_);
  spec.micro_batches = micro_batches_;
  spec.masks = !no_masks_ && spec.strategy != Strategy::kPlain && !ragged_;
  spec.exclude_keys = exclude_;
  spec.follow_batch = follow_batch_;
  spec.index_dtype = ParseDType(index_dtype_).value_or(DType::kInt64);
  spec.narrow_columns = narrow_;
  spec.float16_columns = float16_;
  if (!Samples(spec.strategy)) spec.sample_limit = sample_limit_;
  options.seed = seed_.has_value() ? *seed_ : DrawSeed();
  options.start_epoch = epoch_;
  options.num_shards = num_shards_;
  options.shard_index = shard_index_;
  options.uneven_shards = ValueOf<UnevenShards>(uneven_shards_);
  return options;
}

absl::StatusOr<std::optional<SizeEstimate>> SpecFlags::EstimateSizes(Client& client,
                                                                     StreamOptions& options) const {
  BatchSpec& spec = options.spec;
  GF_ASSIGN_OR_RETURN(const std::optional<SizeTarget> best, target());
  if (best.has_value()) {
    GF_ASSIGN_OR_RETURN(const SizeChoice choice, client.ChooseSizes(options.dataset, spec, *best));
    spec.options = choice.options;
    return std::optional<SizeEstimate>();
  }
  if (!Samples(spec.strategy) || spec.ragged || spec.options.has_value()) {
    return std::optional<SizeEstimate>();
  }
  // Not of the stream's seed and epoch: all runs have the same shapes.
  GF_ASSIGN_OR_RETURN(SizeEstimate report, client.EstimateSizes({.dataset = options.dataset,
                                                                 .spec = spec,
                                                                 .seed = 0,
                                                                 .epoch = 0,
                                                                 .quantile = quantile_,
                                                                 .sample_limit = sample_limit_}));
  spec.options = report.options;
  return std::optional<SizeEstimate>(std::move(report));
}

}  // namespace graphfeed
