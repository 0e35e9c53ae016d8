#include "client/cpp/export_stream.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/rpc/methods.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/ingest_sequence.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// The next message, or nullopt when the server has sent all.
absl::StatusOr<std::optional<v1::IngestRequest>> ReadMessage(rpc::DownStream& call) {
  v1::IngestRequest message;
  bool parsed = false;
  if (!call.Read([&](google::protobuf::io::ZeroCopyInputStream& bytes) {
        parsed = message.ParseFromZeroCopyStream(&bytes);
      })) {
    GF_RETURN_IF_ERROR(call.Finish());
    return std::optional<v1::IngestRequest>();
  }
  if (!parsed) return absl::DataLossError("the server sent what is no message of an export");
  return std::optional(std::move(message));
}

// What is malformed is the server's mistake. Errors of the call pass as they are.
class ExportSource final : public GraphSource {
 public:
  ExportSource(std::unique_ptr<GraphSource> messages, std::shared_ptr<const absl::Status> call)
      : messages_(std::move(messages)), call_(std::move(call)) {}

  static absl::Status Blame(const absl::Status& status, const absl::Status& call) {
    if (!call.ok() || !absl::IsInvalidArgument(status)) return status;
    return absl::DataLossError(status.message());
  }

  const IngestSpec& spec() const override { return messages_->spec(); }
  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    absl::StatusOr<std::optional<GraphBlock>> block = messages_->Next();
    if (!block.ok()) return Blame(block.status(), *call_);
    return block;
  }
  int64_t done() const override { return messages_->done(); }
  int64_t total() const override { return messages_->total(); }

 private:
  const std::unique_ptr<GraphSource> messages_;
  const std::shared_ptr<const absl::Status> call_;  // how it ended; shared with the reader
};

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSource>> NewExportStream(rpc::Channel& channel,
                                                             const std::string& dataset) {
  v1::ExportVersionRequest request;
  request.set_dataset(dataset);
  GF_ASSIGN_OR_RETURN(std::shared_ptr<rpc::DownStream> call,  // shared by copies of the function
                      channel.StartDown(methods::kExportVersion, request));
  auto ended = std::make_shared<absl::Status>();
  absl::StatusOr<std::unique_ptr<GraphSource>> messages =
      wire::ReadIngestSequence(absl::StrCat("the export of \"", dataset, "\""), [call, ended] {
        absl::StatusOr<std::optional<v1::IngestRequest>> message = ReadMessage(*call);
        if (!message.ok()) *ended = message.status();
        return message;
      });
  if (!messages.ok()) return ExportSource::Blame(messages.status(), *ended);
  return std::make_unique<ExportSource>(*std::move(messages), std::move(ended));
}

}  // namespace graphfeed
