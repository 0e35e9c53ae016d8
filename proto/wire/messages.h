#ifndef GRAPHFEED_PROTO_WIRE_MESSAGES_H_
#define GRAPHFEED_PROTO_WIRE_MESSAGES_H_

// Messages <-> our types, both ways. FromProto checks what the types cannot express: unknown enum
// values, counts that do not match, malformed codes; INVALID_ARGUMENT names the field. Checks
// against a dataset are ResolveSpec's business.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/layout.h"
#include "proto/frame/size_choice.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed::wire {

v1::Schema ToProto(const Schema& schema);
absl::StatusOr<Schema> FromProto(const v1::Schema& message);

v1::DatasetInfo ToProto(const DatasetInfo& info);
absl::StatusOr<DatasetInfo> FromProto(const v1::DatasetInfo& message);

v1::BatchSpec ToProto(const BatchSpec& spec);
absl::StatusOr<BatchSpec> FromProto(const v1::BatchSpec& message);

v1::Sampling ToProto(const SamplingSpec& sampling);
absl::StatusOr<SamplingSpec> FromProto(const v1::Sampling& message);

v1::Selection ToProto(const Selection& selection);
absl::StatusOr<Selection> FromProto(const v1::Selection& message);

v1::FixedSizeOptions ToProto(const FixedSizeOptions& options);
absl::StatusOr<FixedSizeOptions> FromProto(const v1::FixedSizeOptions& message);

v1::EstimateOptionsResponse ToProto(const SizeEstimate& report);
absl::StatusOr<SizeEstimate> FromProto(const v1::EstimateOptionsResponse& message);

v1::SizeTarget ToProto(const SizeTarget& target);
absl::StatusOr<SizeTarget> FromProto(const v1::SizeTarget& message);

// What is chosen, as an answer of EstimateOptions.
v1::EstimateOptionsResponse ToProto(const SizeChoice& choice);
absl::StatusOr<SizeChoice> ChoiceFromProto(const v1::EstimateOptionsResponse& message);

v1::Layout ToProto(const Layout& layout);
absl::StatusOr<Layout> FromProto(const v1::Layout& message);

v1::PlanSummary ToProto(const PlanSummary& plan);
absl::StatusOr<PlanSummary> FromProto(const v1::PlanSummary& message);

v1::StreamHeader ToProto(const StreamInfo& info);
absl::StatusOr<StreamInfo> FromProto(const v1::StreamHeader& message);

v1::EpochHeader ToProto(const EpochInfo& info);
absl::StatusOr<EpochInfo> FromProto(const v1::EpochHeader& message);

// Everything of a frame but the payload.
v1::Frame ToProto(const FrameInfo& info);
absl::StatusOr<FrameInfo> FromProto(const v1::Frame& message);

v1::IngestBegin ToProto(const IngestSpec& spec);
absl::StatusOr<IngestSpec> FromProto(const v1::IngestBegin& message);

v1::IngestBlock ToProto(GraphBlock block);
absl::StatusOr<GraphBlock> FromProto(v1::IngestBlock message);

v1::Encoding ToProto(Encoding encoding);
absl::StatusOr<Encoding> FromProto(v1::Encoding encoding);

v1::UnevenShards ToProto(UnevenShards uneven);
absl::StatusOr<UnevenShards> FromProto(v1::UnevenShards uneven);

// Zig-zag varints of differences; the first to 0. Decoding refuses truncated codes and overflow.
std::string EncodeIds(absl::Span<const int64_t> ids);
absl::StatusOr<std::vector<int64_t>> DecodeIds(absl::string_view code, absl::string_view field);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_MESSAGES_H_
