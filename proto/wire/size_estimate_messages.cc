// Sizes that sampled batches suggest, and sizes that are chosen for batches of graphs.

#include <vector>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

absl::Status CheckCount(absl::string_view field, int64_t count) {
  if (count >= 0) return absl::OkStatus();
  return FieldError(field, absl::StrCat(count, "; at least 0"));
}

absl::Status CheckShare(absl::string_view field, double share) {
  if (share >= 0 && share <= 1) return absl::OkStatus();
  return FieldError(field, absl::StrCat(share, "; a share is 0 to 1"));
}

// Shares by type, of what `field` counts.
absl::StatusOr<std::vector<double>> SharesFromProto(
    const google::protobuf::RepeatedField<double>& shares, absl::string_view field) {
  for (double share : shares) {
    GF_RETURN_IF_ERROR(CheckShare(field, share));
  }
  return std::vector<double>(shares.begin(), shares.end());
}

}  // namespace

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
  GF_RETURN_IF_ERROR(CheckShare("trimmed_batches", report.trimmed_batches));
  report.num_samples = message.num_samples();
  GF_RETURN_IF_ERROR(CheckCount("num_samples", report.num_samples));
  return report;
}

v1::SizeTarget ToProto(const SizeTarget& target) {
  v1::SizeTarget message;
  switch (target.limit) {
    case SizeLimit::kNodes:
      message.set_num_nodes(target.at_most);
      break;
    case SizeLimit::kBytes:
      message.set_num_bytes(target.at_most);
      break;
    case SizeLimit::kGraphs:
      message.set_num_graphs(target.at_most);
      break;
  }
  return message;
}

absl::StatusOr<SizeTarget> FromProto(const v1::SizeTarget& message) {
  SizeTarget target;
  switch (message.at_most_case()) {
    case v1::SizeTarget::kNumNodes:
      target = {.limit = SizeLimit::kNodes, .at_most = message.num_nodes()};
      break;
    case v1::SizeTarget::kNumBytes:
      target = {.limit = SizeLimit::kBytes, .at_most = message.num_bytes()};
      break;
    case v1::SizeTarget::kNumGraphs:
      target = {.limit = SizeLimit::kGraphs, .at_most = message.num_graphs()};
      break;
    case v1::SizeTarget::AT_MOST_NOT_SET:
      return FieldError("best", "no target; one of num_nodes, num_bytes and num_graphs");
  }
  const int64_t least = target.limit == SizeLimit::kGraphs ? 2 : 1;
  if (target.at_most < least || target.at_most > SizeTarget::kMax) {
    return FieldError(absl::StrCat("best.", NameOf(target.limit)),
                      absl::StrCat(target.at_most, "; ", least, " to 2^40"));
  }
  return target;
}

v1::EstimateOptionsResponse ToProto(const SizeChoice& choice) {
  v1::EstimateOptionsResponse message;
  *message.mutable_options() = ToProto(choice.options);
  v1::SizeChoice& to = *message.mutable_choice();
  to.set_num_graphs(choice.num_graphs);
  to.set_sampled_graphs(choice.sampled_graphs);
  to.set_num_batches(choice.num_batches);
  to.set_lower_bound_batches(choice.lower_bound_batches);
  to.set_node_efficiency(choice.node_efficiency);
  to.set_edge_efficiency(choice.edge_efficiency);
  to.set_padding_share(choice.padding_share);
  to.set_batch_bytes(choice.batch_bytes);
  return message;
}

absl::StatusOr<SizeChoice> ChoiceFromProto(const v1::EstimateOptionsResponse& message) {
  if (!message.has_choice()) return FieldError("choice", "not set");
  const v1::SizeChoice& from = message.choice();
  SizeChoice choice{.options = {},
                    .num_graphs = from.num_graphs(),
                    .sampled_graphs = from.sampled_graphs(),
                    .num_batches = from.num_batches(),
                    .lower_bound_batches = from.lower_bound_batches(),
                    .node_efficiency = from.node_efficiency(),
                    .edge_efficiency = from.edge_efficiency(),
                    .padding_share = from.padding_share(),
                    .batch_bytes = from.batch_bytes()};
  GF_ASSIGN_OR_RETURN(choice.options, FromProto(message.options()));
  GF_RETURN_IF_ERROR(CheckCount("choice.num_graphs", choice.num_graphs));
  GF_RETURN_IF_ERROR(CheckCount("choice.sampled_graphs", choice.sampled_graphs));
  GF_RETURN_IF_ERROR(CheckCount("choice.num_batches", choice.num_batches));
  GF_RETURN_IF_ERROR(CheckCount("choice.lower_bound_batches", choice.lower_bound_batches));
  GF_RETURN_IF_ERROR(CheckShare("choice.node_efficiency", choice.node_efficiency));
  GF_RETURN_IF_ERROR(CheckShare("choice.edge_efficiency", choice.edge_efficiency));
  GF_RETURN_IF_ERROR(CheckShare("choice.padding_share", choice.padding_share));
  GF_RETURN_IF_ERROR(CheckCount("choice.batch_bytes", choice.batch_bytes));
  return choice;
}

}  // namespace graphfeed::wire
