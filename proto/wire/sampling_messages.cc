// How batches are sampled, and the sizes that sampled batches suggest.

#include <cmath>
#include <utility>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

v1::Sampling::Links LinksToProto(const LinkSeeds& links) {
  v1::Sampling::Links message;
  message.set_edge_type(links.edge_type);
  message.set_sources(EncodeIds(links.sources));
  message.set_targets(EncodeIds(links.targets));
  message.set_labels(EncodeIds(links.labels));
  message.set_negative_mode(static_cast<v1::Sampling::Links::NegativeMode>(links.negative_mode));
  message.set_negative_amount(links.negative_amount);
  message.set_exclude_seed_edges(links.exclude_seed_edges);
  return message;
}

absl::StatusOr<LinkSeeds> LinksFromProto(const v1::Sampling::Links& message) {
  LinkSeeds links;
  links.edge_type = message.edge_type();
  GF_ASSIGN_OR_RETURN(links.sources, DecodeIds(message.sources(), "sampling.links.sources"));
  GF_ASSIGN_OR_RETURN(links.targets, DecodeIds(message.targets(), "sampling.links.targets"));
  if (links.sources.size() != links.targets.size()) {
    return FieldError("sampling.links.targets",
                      absl::StrCat(links.targets.size(), " ids; sampling.links.sources has ",
                                   links.sources.size()));
  }
  GF_ASSIGN_OR_RETURN(links.labels, DecodeIds(message.labels(), "sampling.links.labels"));
  GF_ASSIGN_OR_RETURN(
      links.negative_mode,
      EnumFromProto<NegativeMode>(message.negative_mode(), "sampling.links.negative_mode"));
  links.negative_amount = message.negative_amount() == 0 ? 1 : message.negative_amount();
  if (!std::isfinite(links.negative_amount) || links.negative_amount < 0) {
    return FieldError("sampling.links.negative_amount",
                      absl::StrCat(links.negative_amount, "; a finite number above 0"));
  }
  links.exclude_seed_edges = message.exclude_seed_edges();
  return links;
}

// Shares by type, of what `field` counts.
absl::StatusOr<std::vector<double>> SharesFromProto(
    const google::protobuf::RepeatedField<double>& shares, absl::string_view field) {
  for (double share : shares) {
    if (!(share >= 0 && share <= 1)) {
      return FieldError(field, absl::StrCat(share, "; a share is 0 to 1"));
    }
  }
  return std::vector<double>(shares.begin(), shares.end());
}

}  // namespace

v1::Sampling ToProto(const SamplingSpec& sampling) {
  v1::Sampling message;
  for (const auto& [type, num_neighbors] : sampling.num_neighbors) {
    v1::Sampling::Fanout* fanout = message.add_num_neighbors();
    fanout->set_type(type);
    CopyTo(num_neighbors, fanout->mutable_num_neighbors());
  }
  message.set_replace(sampling.replace);
  message.set_subgraph_type(static_cast<v1::Sampling::SubgraphType>(sampling.subgraph_type));
  message.set_disjoint(sampling.disjoint);
  message.set_time_attr(sampling.time_attr);
  message.set_temporal_strategy(
      static_cast<v1::Sampling::TemporalStrategy>(sampling.temporal_strategy));
  message.set_weight_attr(sampling.weight_attr);
  message.set_input_type(sampling.input_type);
  message.set_input_mask(sampling.input_mask);
  message.set_input_time(EncodeIds(sampling.input_time));
  if (sampling.links.has_value()) *message.mutable_links() = LinksToProto(*sampling.links);
  message.set_partition(sampling.partition);
  return message;
}

absl::StatusOr<SamplingSpec> FromProto(const v1::Sampling& message) {
  SamplingSpec sampling;
  for (const v1::Sampling::Fanout& fanout : message.num_neighbors()) {
    std::vector<int64_t> hops(fanout.num_neighbors().begin(), fanout.num_neighbors().end());
    GF_RETURN_IF_ERROR(AddByType(fanout.type(), std::move(hops), "sampling.num_neighbors",
                                 sampling.num_neighbors));
  }
  sampling.replace = message.replace();
  GF_ASSIGN_OR_RETURN(
      sampling.subgraph_type,
      EnumFromProto<SubgraphType>(message.subgraph_type(), "sampling.subgraph_type"));
  sampling.disjoint = message.disjoint();
  sampling.time_attr = message.time_attr();
  GF_ASSIGN_OR_RETURN(
      sampling.temporal_strategy,
      EnumFromProto<TemporalStrategy>(message.temporal_strategy(), "sampling.temporal_strategy"));
  sampling.weight_attr = message.weight_attr();
  sampling.input_type = message.input_type();
  sampling.input_mask = message.input_mask();
  GF_ASSIGN_OR_RETURN(sampling.input_time, DecodeIds(message.input_time(), "sampling.input_time"));
  if (message.has_links()) {
    GF_ASSIGN_OR_RETURN(sampling.links, LinksFromProto(message.links()));
  }
  sampling.partition = message.partition();
  return sampling;
}

v1::EstimateOptionsResponse ToProto(const SizeEstimate& report) {
  v1::EstimateOptionsResponse message;
  *message.mutable_options() = ToProto(report.options);
  CopyTo(report.trimmed_nodes, message.mutable_trimmed_nodes());
  CopyTo(report.trimmed_edges, message.mutable_trimmed_edges());
  message.set_trimmed_batches(report.trimmed_batches);
  message.set_num_samples(report.num_samples);
  return message;
}

absl::StatusOr<SizeEstimate> FromProto(const v1::EstimateOptionsResponse& message) {
  SizeEstimate report;
  GF_ASSIGN_OR_RETURN(report.options, FromProto(message.options()));
  GF_ASSIGN_OR_RETURN(report.trimmed_nodes,
                      SharesFromProto(message.trimmed_nodes(), "trimmed_nodes"));
  GF_ASSIGN_OR_RETURN(report.trimmed_edges,
                      SharesFromProto(message.trimmed_edges(), "trimmed_edges"));
  report.trimmed_batches = message.trimmed_batches();
  if (!(report.trimmed_batches >= 0 && report.trimmed_batches <= 1)) {
    return FieldError("trimmed_batches",
                      absl::StrCat(report.trimmed_batches, "; a share is 0 to 1"));
  }
  report.num_samples = message.num_samples();
  if (report.num_samples < 0) {
    return FieldError("num_samples", absl::StrCat(report.num_samples, "; at least 0"));
  }
  return report;
}

}  // namespace graphfeed::wire
