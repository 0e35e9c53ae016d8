#include "proto/wire/server_info_messages.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

absl::Status CheckWord(const char* field, const std::string& word) {
  if (word.size() > kMaxServerInfoWordBytes) {
    return absl::DataLossError(absl::StrCat("the server's ", field, " has ", word.size(),
                                            " bytes; at most ", kMaxServerInfoWordBytes));
  }
  const auto is_control = [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); };
  if (std::any_of(word.begin(), word.end(), is_control)) {
    return absl::DataLossError(absl::StrCat("the server's ", field, " has a control character"));
  }
  return absl::OkStatus();
}

absl::Status CheckEntries(const char* field, int64_t count) {
  if (count <= kMaxServerInfoEntries) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the server's ", field, " has ", count,
                                          " entries; at most ", kMaxServerInfoEntries));
}

}  // namespace

v1::ServerInfoResponse ToProto(const ServerInfo& info) {
  v1::ServerInfoResponse message;
  message.set_version(info.version);
  for (const auto& [purpose, version] : info.algorithm_versions) {
    (*message.mutable_algorithm_versions())[purpose] = version;
  }
  message.set_store(info.store);
  message.set_storage_format(info.storage_format);
  for (const std::string& feature : info.features) message.add_features(feature);
  if (info.load.has_value()) {
    message.mutable_load()->set_streams(info.load->streams);
    message.mutable_load()->set_max_streams(info.load->max_streams);
    message.mutable_load()->set_waiting(info.load->waiting);
  }
  return message;
}

absl::StatusOr<ServerInfo> FromProto(const v1::ServerInfoResponse& message) {
  GF_RETURN_IF_ERROR(CheckWord("version", message.version()));
  GF_RETURN_IF_ERROR(CheckWord("store", message.store()));
  GF_RETURN_IF_ERROR(CheckEntries("algorithm_versions",
                                  static_cast<int64_t>(message.algorithm_versions().size())));
  GF_RETURN_IF_ERROR(CheckEntries("features", message.features_size()));
  ServerInfo info;
  info.version = message.version();
  info.store = message.store();
  info.storage_format = message.storage_format();
  for (const auto& [purpose, version] : message.algorithm_versions()) {
    GF_RETURN_IF_ERROR(CheckWord("algorithm_versions", purpose));
    info.algorithm_versions[purpose] = version;
  }
  for (const std::string& feature : message.features()) {
    GF_RETURN_IF_ERROR(CheckWord("features", feature));
    info.features.push_back(feature);
  }
  if (message.has_load()) {
    const v1::ServerLoad& load = message.load();
    if (load.streams() < 0 || load.max_streams() < 0 || load.waiting() < 0) {
      return absl::DataLossError(absl::StrCat("the server's load is ", load.streams(), " of ",
                                              load.max_streams(), " streams, ", load.waiting(),
                                              " of which wait; none may be negative"));
    }
    info.load = ServerLoad{
        .streams = load.streams(), .max_streams = load.max_streams(), .waiting = load.waiting()};
  }
  return info;
}

}  // namespace graphfeed::wire
