#ifndef GRAPHFEED_TESTS_INTEGRATION_REQUEST_CALLS_H_
#define GRAPHFEED_TESTS_INTEGRATION_REQUEST_CALLS_H_

// Requests as messages or as bytes, past all that our client checks.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"

namespace graphfeed {

inline std::shared_ptr<grpc::Channel> NewChannel(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

inline absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// A call whose request is `bytes`, whatever they are; the answer's status.
inline absl::Status CallBytes(grpc::GenericStub& stub, const std::string& method,
                              const std::string& bytes) {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto call = stub.PrepareCall(&context, method, &queue);
  grpc::ByteBuffer answer;
  grpc::Status status;
  void* tag;
  bool ok;
  call->StartCall(nullptr);
  (void)queue.Next(&tag, &ok);
  call->WriteLast(request, grpc::WriteOptions(), nullptr);
  (void)queue.Next(&tag, &ok);
  do {
    call->Read(&answer, nullptr);
    (void)queue.Next(&tag, &ok);
  } while (ok);
  call->Finish(&status, nullptr);
  (void)queue.Next(&tag, &ok);
  queue.Shutdown();
  return ToStatus(status);
}

// The messages of an Ingest, one after the other; the answer's status.
inline absl::Status SendIngest(v1::GraphFeed::Stub& stub,
                               const std::vector<v1::IngestRequest>& messages,
                               v1::DatasetInfo* info = nullptr) {
  grpc::ClientContext context;
  v1::DatasetInfo answer;
  const auto writer = stub.Ingest(&context, &answer);
  for (const v1::IngestRequest& message : messages) {
    if (!writer->Write(message)) break;
  }
  writer->WritesDone();
  const absl::Status status = ToStatus(writer->Finish());
  if (info != nullptr) *info = answer;
  return status;
}

// A collection of `num_graphs` graphs, each of one node and no edge, with `texts` as the strings
// of one column; no column if it is empty.
inline std::vector<v1::IngestRequest> TextGraphs(const std::string& name, int64_t num_graphs,
                                                 const std::vector<std::string>& texts) {
  std::vector<v1::IngestRequest> messages(3);
  messages[0].mutable_begin()->set_name(name);
  messages[0].mutable_begin()->set_collection(true);
  v1::IngestBlock& block = *messages[1].mutable_block();
  block.set_num_graphs(num_graphs);
  v1::SizeList& nodes = *block.add_num_nodes();
  v1::SizeList& edges = *block.add_num_edges();
  for (int64_t g = 0; g < num_graphs; ++g) {
    nodes.add_sizes(1);
    edges.add_sizes(0);
  }
  if (!texts.empty()) {
    v1::ColumnBlock& column = *block.add_columns();
    column.set_name("text");
    column.set_dtype(v1::STRING);
    column.set_zero_dim(true);
    for (const std::string& text : texts) column.add_strings(text);
  }
  messages[2].mutable_commit()->set_num_graphs(num_graphs);
  return messages;
}

// A single graph without features of which every edge's ends are given, as (source, target).
inline std::vector<v1::IngestRequest> EdgesOnly(const std::string& name, int64_t num_nodes,
                                                const std::vector<int32_t>& ends) {
  std::vector<v1::IngestRequest> messages(1);
  v1::IngestBegin& begin = *messages[0].mutable_begin();
  begin.set_name(name);
  begin.add_num_nodes(num_nodes);
  begin.add_num_edges(static_cast<int64_t>(ends.size() / 2));
  constexpr size_t kEndsAtOnce = size_t{1} << 20;
  for (size_t first = 0; first < ends.size(); first += kEndsAtOnce) {
    v1::ColumnBlock& column = *messages.emplace_back().mutable_block()->add_columns();
    column.set_name("edge_index");
    column.set_dtype(v1::INT32);
    column.add_row_shape(2);
    column.set_concat_last(true);
    const size_t count = std::min(kEndsAtOnce, ends.size() - first);
    column.set_rows(reinterpret_cast<const char*>(ends.data() + first), count * sizeof(int32_t));
  }
  messages.emplace_back().mutable_commit();
  return messages;
}

// Plain batches of `batch_size` graphs.
inline v1::BatchSpec PlainSpec(int64_t batch_size) {
  v1::BatchSpec spec;
  spec.set_strategy(v1::PLAIN);
  spec.set_batch_size(batch_size);
  return spec;
}

inline std::chrono::system_clock::time_point After(double seconds) {
  return std::chrono::system_clock::now() +
         std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_INTEGRATION_REQUEST_CALLS_H_
