#include "proto/wire/ingest_sequence.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/block_splitter.h"
#include "proto/wire/messages.h"
#include "storage/graph/status_macros.h"

namespace graphfeed::wire {
namespace {

class MessageSource final : public GraphSource {
 public:
  explicit MessageSource(NextMessage next) : next_(std::move(next)) {}

  absl::Status Begin() {
    GF_ASSIGN_OR_RETURN(const v1::IngestRequest message, Read());
    if (!message.has_begin()) return absl::InvalidArgumentError("it starts with no begin");
    GF_ASSIGN_OR_RETURN(spec_, FromProto(message.begin()));
    total_ = message.begin().total();
    return absl::OkStatus();
  }

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return done_; }
  int64_t total() const override { return total_; }

  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    if (ended_) return std::optional<GraphBlock>();
    GF_ASSIGN_OR_RETURN(v1::IngestRequest message, Read());
    switch (message.part_case()) {
      case v1::IngestRequest::kBlock: {
        GF_ASSIGN_OR_RETURN(GraphBlock block, FromProto(std::move(*message.mutable_block())));
        Count(block);
        return std::optional(std::move(block));
      }
      case v1::IngestRequest::kCommit:
        GF_RETURN_IF_ERROR(End(message.commit().num_graphs()));
        return std::optional<GraphBlock>();
      case v1::IngestRequest::kBegin:
        return absl::InvalidArgumentError("it begins twice");
      case v1::IngestRequest::PART_NOT_SET:
        break;
    }
    return absl::InvalidArgumentError("a message has no part that this version knows");
  }

 private:
  absl::StatusOr<v1::IngestRequest> Read() {
    GF_ASSIGN_OR_RETURN(std::optional<v1::IngestRequest> message, next_());
    if (!message.has_value()) return absl::DataLossError("it ends before its commit");
    return *std::move(message);
  }

  void Count(const GraphBlock& block) {
    num_graphs_ += block.num_graphs;
    done_ += block.num_graphs;
    if (spec_.collection) return;
    for (const ColumnBlock& column : block.columns) {
      if (!column.sizes.empty()) {  // of rows without bytes
        done_ += column.sizes[0];
        continue;
      }
      auto row_bytes = static_cast<int64_t>(SizeOf(column.dtype));
      for (const int64_t extent : column.row_shape) row_bytes *= extent;
      done_ += column.dtype == DType::kString ? static_cast<int64_t>(column.strings.size())
               : row_bytes > 0                ? static_cast<int64_t>(column.rows.size()) / row_bytes
                                              : 0;
    }
  }

  absl::Status End(int64_t committed) {
    if (committed != num_graphs_) {
      return absl::DataLossError(
          absl::StrCat("it commits ", committed, " graphs; there were ", num_graphs_));
    }
    GF_ASSIGN_OR_RETURN(const std::optional<v1::IngestRequest> more, next_());
    if (more.has_value()) return absl::InvalidArgumentError("it goes on after its commit");
    ended_ = true;
    done_ = total_;
    return absl::OkStatus();
  }

  const NextMessage next_;
  IngestSpec spec_;
  int64_t total_ = 0;
  int64_t done_ = 0;
  int64_t num_graphs_ = 0;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::optional<v1::IngestRequest>> IngestSequence::Next() {
  v1::IngestRequest message;
  if (!begun_) {
    begun_ = true;
    *message.mutable_begin() = ToProto(source_->spec());
    message.mutable_begin()->set_total(source_->total());
    return std::optional(std::move(message));
  }
  while (parts_.empty() && !committed_) {
    GF_ASSIGN_OR_RETURN(std::optional<GraphBlock> block, source_->Next());
    if (!block.has_value()) {
      committed_ = true;
      message.mutable_commit()->set_num_graphs(num_graphs_);
      return std::optional(std::move(message));
    }
    const int64_t num_graphs = block->num_graphs;
    GF_RETURN_IF_ERROR(SplitBlock(*std::move(block), source_->spec().collection, num_graphs_,
                                  SplitLimits{}, [this](GraphBlock part) {
                                    parts_.push_back(std::move(part));
                                    return absl::OkStatus();
                                  }));
    num_graphs_ += num_graphs;
  }
  if (parts_.empty()) return std::optional<v1::IngestRequest>();
  *message.mutable_block() = ToProto(std::move(parts_.front()));
  parts_.pop_front();
  return std::optional(std::move(message));
}

absl::StatusOr<std::unique_ptr<GraphSource>> ReadIngestSequence(NextMessage next) {
  auto source = std::make_unique<MessageSource>(std::move(next));
  GF_RETURN_IF_ERROR(source->Begin());
  return source;
}

}  // namespace graphfeed::wire
