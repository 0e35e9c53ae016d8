// Receives an epoch of padded batches and says what came:
//
//   stream_epoch HOST:PORT DATASET [BATCH_SIZE]

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/batch_stream.h"
#include "client/cpp/client.h"

namespace {

absl::Status StreamEpoch(const std::string& endpoint, const std::string& dataset,
                         int64_t batch_size) {
  graphfeed::ClientOptions servers;
  servers.endpoints = {endpoint};
  absl::StatusOr<std::unique_ptr<graphfeed::Client>> client = graphfeed::Client::Create(servers);
  if (!client.ok()) return client.status();

  graphfeed::StreamOptions options;
  options.dataset = dataset;
  options.seed = 0;
  options.spec.batch_size = batch_size;  // graphs, one of them padding; sizes are the server's
  options.spec.shuffle = true;
  absl::StatusOr<std::unique_ptr<graphfeed::BatchStream>> stream =
      (*client)->StreamBatches(options);
  if (!stream.ok()) return stream.status();

  int64_t batches = 0, graphs = 0, nodes = 0;
  while (true) {
    absl::StatusOr<std::optional<graphfeed::Batch>> batch = (*stream)->Next();
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) break;
    ++batches;
    for (const graphfeed::Counts& real : (*batch)->info().real) {
      graphs += real.graphs;
      for (const int64_t count : real.nodes) nodes += count;
    }
    if (batches == 1) {
      const std::optional<graphfeed::TensorView> x = (*batch)->Find("", "x");
      if (x.has_value()) {
        std::cout << "x:";
        for (const int64_t size : x->shape) std::cout << ' ' << size;
        std::cout << '\n';
      }
    }
  }
  std::cout << batches << " batches, " << graphs << " graphs, " << nodes << " nodes\n";
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: stream_epoch HOST:PORT DATASET [BATCH_SIZE]\n";
    return 2;
  }
  const absl::Status status = StreamEpoch(argv[1], argv[2], argc == 4 ? std::atoll(argv[3]) : 10);
  if (!status.ok()) {
    std::cerr << status << '\n';
    return 1;
  }
  return 0;
}
