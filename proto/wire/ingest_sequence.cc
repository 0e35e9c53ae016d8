#include "proto/wire/ingest_sequence.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/wire/block_splitter.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

class MessageSource final : public GraphSource {
 public:
  MessageSource(std::string title, NextMessage next)
      : title_(std::move(title)), next_(std::move(next)) {}

  absl::Status Begin() {
    GF_ASSIGN_OR_RETURN(const v1::IngestRequest message, Read());
    if (!message.has_begin()) return Malformed("it starts with no begin");
    absl::StatusOr<IngestSpec> spec = FromProto(message.begin());
    if (!spec.ok()) return Malformed(spec.status().message());
    spec_ = *std::move(spec);
    total_ = message.begin().total();
    return absl::OkStatus();
  }

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return static_cast<int64_t>(done_); }
  int64_t total() const override { return total_; }

  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    if (ended_) return std::optional<GraphBlock>();
    GF_ASSIGN_OR_RETURN(v1::IngestRequest message, Read());
    switch (message.part_case()) {
      case v1::IngestRequest::kBlock: {
        absl::StatusOr<GraphBlock> block = FromProto(std::move(*message.mutable_block()));
        if (!block.ok()) return Malformed(block.status().message());
        Count(*block);
        return std::optional(*std::move(block));
      }
      case v1::IngestRequest::kCommit:
        GF_RETURN_IF_ERROR(End(message.commit().num_graphs()));
        return std::optional<GraphBlock>();
      case v1::IngestRequest::kBegin:
        return Malformed("it begins twice");
      case v1::IngestRequest::PART_NOT_SET:
        break;
    }
    return Malformed("a message has no part that this version knows");
  }

 private:
  absl::Status Malformed(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(title_, ": ", what));
  }
  absl::Status Incomplete(absl::string_view what) const {
    return absl::DataLossError(absl::StrCat(title_, ": ", what));
  }

  absl::StatusOr<v1::IngestRequest> Read() {
    GF_ASSIGN_OR_RETURN(std::optional<v1::IngestRequest> message, next_());
    if (!message.has_value()) return Incomplete("it ends before its commit");
    return *std::move(message);
  }

  // Nobody has checked the numbers yet: sums may wrap.
  void Count(const GraphBlock& block) {
    num_graphs_ += static_cast<uint64_t>(block.num_graphs);
    done_ += static_cast<uint64_t>(block.num_graphs);
    if (spec_.collection) return;
    for (const ColumnBlock& column : block.columns) done_ += CountRows(column);
  }

  static uint64_t CountRows(const ColumnBlock& column) {
    if (column.dtype == DType::kString) return column.strings.size();
    if (!column.sizes.empty()) return static_cast<uint64_t>(column.sizes[0]);
    uint64_t row_bytes = SizeOf(column.dtype);
    for (const int64_t extent : column.row_shape) row_bytes *= static_cast<uint64_t>(extent);
    return row_bytes == 0 ? 0 : column.rows.size() / row_bytes;
  }

  absl::Status End(int64_t committed) {
    if (static_cast<uint64_t>(committed) != num_graphs_) {
      return Incomplete(absl::StrCat("it commits ", committed, " graphs; there were ",
                                     static_cast<int64_t>(num_graphs_)));
    }
    GF_ASSIGN_OR_RETURN(const std::optional<v1::IngestRequest> more, next_());
    if (more.has_value()) return Malformed("it goes on after its commit");
    ended_ = true;
    done_ = static_cast<uint64_t>(total_);
    return absl::OkStatus();
  }

  const std::string title_;
  const NextMessage next_;
  IngestSpec spec_;
  int64_t total_ = 0;
  uint64_t done_ = 0;
  uint64_t num_graphs_ = 0;
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

absl::StatusOr<std::unique_ptr<GraphSource>> ReadIngestSequence(std::string title,
                                                                NextMessage next) {
  auto source = std::make_unique<MessageSource>(std::move(title), std::move(next));
  GF_RETURN_IF_ERROR(source->Begin());
  return source;
}

}  // namespace graphfeed::wire
