#include "client/cpp/export_stream.h"

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

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSource>> NewExportStream(rpc::Channel& channel,
                                                             const std::string& dataset) {
  v1::ExportVersionRequest request;
  request.set_dataset(dataset);
  GF_ASSIGN_OR_RETURN(std::shared_ptr<rpc::DownStream> call,  // shared by copies of the function
                      channel.StartDown(methods::kExportVersion, request));
  return wire::ReadIngestSequence(absl::StrCat("the export of \"", dataset, "\""),
                                  [call] { return ReadMessage(*call); });
}

}  // namespace graphfeed
