#include "server/rpc/ingest_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/known_fields.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

absl::StatusOr<std::optional<DatasetInfo>> IngestCall::Take(v1::IngestRequest message) {
  switch (message.part_case()) {
    case v1::IngestRequest::kBegin:
      GF_RETURN_IF_ERROR(Begin(message.begin()));
      return std::optional<DatasetInfo>();
    case v1::IngestRequest::kBlock:
      GF_RETURN_IF_ERROR(Block(std::move(*message.mutable_block())));
      return std::optional<DatasetInfo>();
    case v1::IngestRequest::kCommit: {
      GF_ASSIGN_OR_RETURN(DatasetInfo info, Commit(message.commit()));
      return std::optional<DatasetInfo>(std::move(info));
    }
    case v1::IngestRequest::PART_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("part: not set");
}

absl::Status IngestCall::Begin(const v1::IngestBegin& message) {
  if (session_ != nullptr) return absl::InvalidArgumentError("begin: sent twice");
  GF_RETURN_IF_ERROR(rules_.CheckMayChange());
  GF_RETURN_IF_ERROR(rules_.CheckRoom("an ingest"));
  GF_RETURN_IF_ERROR(wire::CheckKnownFields(message, "begin"));
  GF_ASSIGN_OR_RETURN(IngestSpec spec, wire::FromProto(message));
  dataset_ = spec.name;
  GF_RETURN_IF_ERROR(principal_->CheckDataset(spec.name));
  GF_RETURN_IF_ERROR(quota_.Check());
  collection_ = spec.collection;
  GF_ASSIGN_OR_RETURN(session_, catalog_.StartIngest(std::move(spec)));
  return absl::OkStatus();
}

absl::Status IngestCall::Block(v1::IngestBlock message) {
  if (session_ == nullptr) return absl::InvalidArgumentError("block: sent before begin");
  GF_RETURN_IF_ERROR(rules_.CheckRoom("an ingest"));
  GF_RETURN_IF_ERROR(quota_.Add(static_cast<int64_t>(message.ByteSizeLong())));
  GF_ASSIGN_OR_RETURN(GraphBlock block, wire::FromProto(std::move(message)));
  if (__builtin_add_overflow(num_graphs_, block.num_graphs, &num_graphs_)) {
    return absl::InvalidArgumentError("block.num_graphs: the sum exceeds 64 bits");
  }
  return session_->Append(std::move(block));
}

absl::StatusOr<DatasetInfo> IngestCall::Commit(const v1::IngestCommit& message) {
  if (session_ == nullptr) return absl::InvalidArgumentError("commit: sent before begin");
  GF_RETURN_IF_ERROR(rules_.CheckRoom("an ingest"));
  GF_RETURN_IF_ERROR(quota_.Check());  // other ingests have ended meanwhile
  // A single graph comes in blocks of columns, which count no graphs.
  const int64_t received = collection_ ? num_graphs_ : 1;
  const bool uncounted_single = !collection_ && message.num_graphs() == 0;
  if (message.num_graphs() != received && !uncounted_single) {
    return absl::DataLossError(absl::StrCat("commit.num_graphs: ", message.num_graphs(), "; ",
                                            received, " have been received"));
  }
  GF_ASSIGN_OR_RETURN(DatasetInfo info, session_->Commit());
  session_.reset();
  return info;
}

}  // namespace graphfeed
