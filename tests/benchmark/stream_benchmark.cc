// How fast batches come out of a server in another process, through gRPC on loopback, beside a
// constant slab of the same size through the same stream code. One JSON line for each measurement.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "client/cpp/receive_memory.h"
#include "server/server.h"
#include "storage/base/status_macros.h"
#include "tests/benchmark/constant_frames.h"
#include "tests/benchmark/molecules.h"
#include "tests/benchmark/stream_rates.h"
#include "tests/support/child_process.h"

ABSL_FLAG(int64_t, graphs, 130'839, "generated molecules");
ABSL_FLAG(int64_t, batch_size, 128, "graphs of a batch, one for padding among them");
ABSL_FLAG(double, seconds, 1, "length of a measurement");
ABSL_FLAG(int, rounds, 5, "measurements of each kind, taken in turn; their median is reported");
ABSL_FLAG(std::string, data_dir, "",
          "data folder with datasets, instead of a temporary one with generated molecules");
ABSL_FLAG(std::string, dataset, "qm9", "name of the dataset in --data_dir");
ABSL_FLAG(bool, verify, true, "verify digests of frames at the client");
ABSL_FLAG(bool, python, true, "measure the Python client, too");
ABSL_FLAG(std::string, serve, "", "used by the benchmark itself: serve this data folder");

namespace graphfeed {
namespace {

constexpr uint64_t kSeed = 1;

absl::Status IngestMolecules(Client& client, const std::string& name) {
  IngestSpec spec;
  spec.name = name;
  spec.kinds = {{"x", Level::kNode},          {"pos", Level::kNode},       {"z", Level::kNode},
                {"edge_index", Level::kEdge}, {"edge_attr", Level::kEdge}, {"y", Level::kGraph}};
  const absl::Time start = absl::Now();
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<GraphSink> ingest, client.Ingest(spec));
  MoleculeGenerator molecules;
  for (int64_t left = absl::GetFlag(FLAGS_graphs); left > 0; left -= 4096) {
    GF_RETURN_IF_ERROR(ingest->Append(molecules.Next(std::min<int64_t>(left, 4096))));
  }
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, ingest->Commit());
  std::printf(R"({"benchmark": "ingest", "graphs": %ld, "raw_bytes": %ld, "seconds": %.2f})"
              "\n",
              info.num_graphs, info.raw_bytes, absl::ToDoubleSeconds(absl::Now() - start));
  return absl::OkStatus();
}

// PadToMax: every batch could hold the largest graphs. StreamPack: batches hold the average.
StreamOptions OptionsFor(const DatasetInfo& info, Strategy strategy, uint64_t seed) {
  const int64_t batch_size = absl::GetFlag(FLAGS_batch_size);
  const auto size = [&](const SizeSummary& summary) {
    return strategy == Strategy::kPadToMax
               ? summary.max * batch_size
               : static_cast<int64_t>(summary.mean * static_cast<double>(batch_size));
  };
  StreamOptions options;
  options.dataset = absl::StrCat(info.name, "@", info.version);
  options.spec.strategy = strategy;
  options.spec.options.emplace();
  options.spec.options->num_graphs = batch_size;
  options.spec.options->num_nodes[""] = size(info.total_node_sizes);
  options.spec.options->num_edges[""] = size(info.total_edge_sizes);
  options.spec.shuffle = true;
  options.seed = seed;
  options.num_epochs = 0;
  options.verify_digests = absl::GetFlag(FLAGS_verify);
  return options;
}

// So that everything that is measured is in the server's memory.
absl::Status ReadOneEpoch(Client& client, const DatasetInfo& info) {
  StreamOptions options = OptionsFor(info, Strategy::kPadToMax, kSeed);
  options.num_epochs = 1;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<BatchStream> stream, client.StreamBatches(options));
  for (;;) {
    GF_ASSIGN_OR_RETURN(const std::optional<Batch> batch, stream->Next());
    if (!batch.has_value()) return absl::OkStatus();
  }
}

absl::Status MeasureCpp(const BenchmarkServer& server, const DatasetInfo& info) {
  for (const auto& [strategy, name] : {std::pair(Strategy::kPadToMax, "pad_to_max"),
                                       std::pair(Strategy::kStreamPack, "stream_pack")}) {
    GF_RETURN_IF_ERROR(CompareToConstant(name, server, OptionsFor(info, strategy, kSeed),
                                         absl::GetFlag(FLAGS_rounds),
                                         absl::Seconds(absl::GetFlag(FLAGS_seconds))));
    GF_RETURN_IF_ERROR(MeasureDigests(name, *server.client, OptionsFor(info, strategy, kSeed),
                                      *server.process, absl::GetFlag(FLAGS_rounds),
                                      absl::Seconds(absl::GetFlag(FLAGS_seconds))));
  }
  return absl::OkStatus();
}

// Epochs that nobody has asked for yet, packed and shuffled: from the question to the answer.
absl::Status MeasurePlans(Client& client, const DatasetInfo& info) {
  constexpr int kEpochs = 9;
  StreamOptions options = OptionsFor(info, Strategy::kStreamPack, kSeed);
  std::vector<double> milliseconds;
  for (options.start_epoch = 1000; options.start_epoch < 1000 + kEpochs; ++options.start_epoch) {
    const absl::Time start = absl::Now();
    GF_RETURN_IF_ERROR(client.DescribePlan(options).status());
    milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf(R"({"benchmark": "plan", "strategy": "stream_pack", "graphs": %ld, "ms": %.1f})"
              "\n",
              info.num_graphs, milliseconds[kEpochs / 2]);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status MeasurePython(const std::string& address, const DatasetInfo& info) {
  setenv("PYTHONPATH", GRAPHFEED_PYTHON_PATH, /*overwrite=*/1);
  GF_ASSIGN_OR_RETURN(
      const std::unique_ptr<ChildProcess> python,
      ChildProcess::Start({GRAPHFEED_PYTHON, GRAPHFEED_PYTHON_BENCHMARK, "--server", address,
                           "--dataset", absl::StrCat(info.name, "@", info.version), "--batch-size",
                           absl::StrCat(absl::GetFlag(FLAGS_batch_size)), "--seconds",
                           absl::StrCat(absl::GetFlag(FLAGS_seconds)), "--rounds",
                           absl::StrCat(absl::GetFlag(FLAGS_rounds)), "--seed", absl::StrCat(kSeed),
                           "--constant-seed", absl::StrCat(kConstantSeed)}));
  int lines = 0;
  while (const std::optional<std::string> line = python->ReadLine()) {
    std::printf("%s\n", line->c_str());
    std::fflush(stdout);
    ++lines;
  }
  if (lines == 0) return absl::InternalError("the Python benchmark failed");
  return absl::OkStatus();
}

absl::Status Benchmark(const std::string& data_dir, bool generate) {
  GF_ASSIGN_OR_RETURN(const BenchmarkServer server, StartServer({"--serve=" + data_dir}));
  const std::string dataset = absl::GetFlag(FLAGS_dataset);
  if (generate) GF_RETURN_IF_ERROR(IngestMolecules(*server.client, dataset));
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, server.client->GetDataset(dataset));
  GF_RETURN_IF_ERROR(ReadOneEpoch(*server.client, info));
  GF_RETURN_IF_ERROR(MeasurePlans(*server.client, info));
  GF_RETURN_IF_ERROR(MeasureCpp(server, info));
  if (absl::GetFlag(FLAGS_python)) GF_RETURN_IF_ERROR(MeasurePython(server.address, info));
  return absl::OkStatus();
}

absl::Status Run() {
  if (const std::string folder = absl::GetFlag(FLAGS_serve); !folder.empty()) {
    ServerConfig config;
    config.data_dir = folder;
    return ServeUntilInputEnds(config);
  }
  if (const std::string folder = absl::GetFlag(FLAGS_data_dir); !folder.empty()) {
    return Benchmark(folder, /*generate=*/false);
  }
  std::string folder = (std::filesystem::temp_directory_path() / "graphfeed_bench_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return absl::ErrnoToStatus(errno, folder);
  const absl::Status status = Benchmark(folder, /*generate=*/true);
  std::filesystem::remove_all(folder);
  return status;
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Measures streams of padded and packed batches. Prints JSON, a line for each measurement.");
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_serve).empty()) graphfeed::KeepReceiveMemory();  // as clients do
  const absl::Status status = graphfeed::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "stream_benchmark: %s\n", status.ToString().c_str());
  return 1;
}
