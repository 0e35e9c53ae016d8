#include "client/flags/sampling_flags.h"

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/flags/flag_values.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr char kPartition[] = "--partition";
constexpr std::array kNeighborOnly = {
    "--num-neighbors", "--input-nodes",        "--links",         "--negatives",
    "--replace",       "--exclude-seed-edges", "--subgraph-type", "--disjoint",
    "--time-attr",     "--temporal-strategy",  "--weight-attr"};

// "binary:1"; without a number 1.
absl::Status ParseNegatives(absl::string_view text, LinkSeeds& links) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (const std::optional<NegativeMode> mode = FromFlag<NegativeMode>(parts.first)) {
    links.negative_mode = *mode;
    if (parts.first == text) return absl::OkStatus();
    if (absl::SimpleAtod(parts.second, &links.negative_amount) && links.negative_amount > 0 &&
        std::isfinite(links.negative_amount)) {
      return absl::OkStatus();
    }
  }
  return FlagError("--negatives", text, "not none, binary:AMOUNT or triplet:AMOUNT");
}

}  // namespace

absl::StatusOr<std::map<std::string, std::vector<int64_t>>> ParseNumNeighbors(
    absl::string_view text) {
  std::map<std::string, std::vector<int64_t>> fanouts;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const size_t equals = part.rfind('=');
    const bool typed = equals != absl::string_view::npos;
    const std::string type(typed ? part.substr(0, equals) : "");
    std::vector<int64_t> by_hop;
    for (const absl::string_view number :
         absl::StrSplit(typed ? part.substr(equals + 1) : part, ',')) {
      if (!absl::SimpleAtoi(number, &by_hop.emplace_back())) {
        return FlagError("--num-neighbors", text, "not 15,10 or TYPE=15,10;TYPE=5,5");
      }
    }
    if ((typed && type.empty()) || !fanouts.emplace(type, std::move(by_hop)).second) {
      return FlagError("--num-neighbors", text,
                       type.empty() ? "one list serves every edge type"
                                    : absl::StrCat("type ", type, " occurs twice"));
    }
  }
  return fanouts;
}

void SamplingFlags::Register(CLI::App& command) {
  command_ = &command;
  const auto add = [&](const char* name, auto& value, const char* help) {
    return command.add_option(name, value, help)->group("Sampled batches");
  };
  const auto add_flag = [&](const char* name, bool& value, const char* help) {
    command.add_flag(name, value, help)->group("Sampled batches");
  };
  add("--num-neighbors", num_neighbors_,
      "in-neighbours taken in each hop, -1 for all: 15,10 for every edge type, or "
      "'movie|to|actor=5,5;actor|to|movie=3,3'");
  add("--input-nodes", input_nodes_,
      "TYPE, TYPE:MASK or :MASK: the seeds' node type, and the column that is true at the seeds "
      "(default: all nodes, or --graphs)");
  add("--links", links_,
      "EDGE_TYPE: seeds are edges of this type (node|to|node if there are no types), all or those "
      "of --graphs");
  add("--negatives", negatives_, "binary:1 or triplet:1: negatives per seed edge")
      ->capture_default_str();
  add_flag("--exclude-seed-edges", exclude_seed_edges_,
           "keep a batch's seed edges out of its subgraph");
  add_flag("--replace", replace_, "draw with replacement");
  add("--subgraph-type", subgraph_type_,
      "the sampled edges; and their reverses; all edges between the sampled nodes")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<SubgraphType>()));
  add_flag("--disjoint", disjoint_, "a tree of its own for each seed");
  add("--time-attr", time_attr_, "node column with times: nothing later than the seed is sampled");
  add("--temporal-strategy", temporal_strategy_, "which of those that are not too late")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<TemporalStrategy>()));
  add("--weight-attr", weight_attr_, "edge column with weights of the draw");
  add("--partition", partition_, "cluster: the node column with the clusters' numbers")
      ->capture_default_str();
}

bool SamplingFlags::Given(absl::string_view name) const {
  return command_->get_option(std::string(name))->count() > 0;
}

absl::Status SamplingFlags::CheckNotGiven() const {
  for (const char* name : kNeighborOnly) {
    if (Given(name)) {
      return absl::InvalidArgumentError(absl::StrCat(name, " needs --strategy neighbor"));
    }
  }
  if (Given(kPartition)) {
    return absl::InvalidArgumentError(absl::StrCat(kPartition, " needs --strategy cluster"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SamplingSpec> SamplingFlags::Build(Strategy strategy) const {
  SamplingSpec sampling;
  if (strategy == Strategy::kCluster) {
    for (const char* name : kNeighborOnly) {
      if (Given(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat(name, " needs --strategy neighbor; clusters are not sampled"));
      }
    }
    sampling.partition = partition_;
    return sampling;
  }
  if (Given(kPartition)) {
    return absl::InvalidArgumentError(absl::StrCat(kPartition, " needs --strategy cluster"));
  }
  if (num_neighbors_.empty()) {
    return absl::InvalidArgumentError("--strategy neighbor needs --num-neighbors, such as 15,10");
  }
  GF_ASSIGN_OR_RETURN(sampling.num_neighbors, ParseNumNeighbors(num_neighbors_));
  sampling.replace = replace_;
  sampling.subgraph_type = ValueOf<SubgraphType>(subgraph_type_);
  sampling.disjoint = disjoint_;
  sampling.time_attr = time_attr_;
  sampling.temporal_strategy = ValueOf<TemporalStrategy>(temporal_strategy_);
  if (Given("--temporal-strategy") && time_attr_.empty()) {
    return absl::InvalidArgumentError("--temporal-strategy needs --time-attr");
  }
  sampling.weight_attr = weight_attr_;
  const size_t colon = input_nodes_.rfind(':');
  sampling.input_type = input_nodes_.substr(0, colon);
  if (colon != std::string::npos) sampling.input_mask = input_nodes_.substr(colon + 1);
  if (!Given("--links")) {
    for (const char* name : {"--negatives", "--exclude-seed-edges"}) {
      if (Given(name)) return absl::InvalidArgumentError(absl::StrCat(name, " needs --links"));
    }
    return sampling;
  }
  if (Given("--input-nodes")) {
    return absl::InvalidArgumentError("--input-nodes and --links: seeds are either nodes or edges");
  }
  GF_ASSIGN_OR_RETURN(sampling.links, BuildLinks());
  return sampling;
}

absl::StatusOr<LinkSeeds> SamplingFlags::BuildLinks() const {
  LinkSeeds links;
  links.edge_type = links_;
  GF_RETURN_IF_ERROR(ParseNegatives(negatives_, links));
  links.exclude_seed_edges = exclude_seed_edges_;
  return links;
}

}  // namespace graphfeed
