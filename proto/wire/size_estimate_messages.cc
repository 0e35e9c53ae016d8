// Sizes that sampled batches suggest.

#include <vector>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

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
