// How fast batches come out of a server in another process, through gRPC on loopback, beside a
// constant slab of the same size through the same stream code. One JSON line for each measurement.

#include <sys/resource.h>
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
#include "server/server.h"
#include "storage/graph/status_macros.h"
#include "tests/benchmark/constant_frames.h"
#include "tests/benchmark/molecules.h"
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

struct Rates {
  double batches_per_s = 0;
  double graphs_per_s = 0;
  double bytes_per_s = 0;
  int64_t frame_bytes = 0;
  double client_cpu_us = 0;  // for each batch
  double server_cpu_us = 0;
};

double OwnCpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The server's side: until the parent closes our input.
absl::Status Serve(const std::string& data_dir) {
  ServerConfig config;
  config.data_dir = data_dir;
  config.listen = "127.0.0.1:0";
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(config, MakeConstant));
  std::printf("listening on 127.0.0.1:%d\n", server->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return absl::OkStatus();
}

absl::Status IngestMolecules(Client& client, const std::string& name) {
  IngestSpec spec;
  spec.name = name;
  spec.kinds = {{"x", Level::kNode},          {"pos", Level::kNode},       {"z", Level::kNode},
                {"edge_index", Level::kEdge}, {"edge_attr", Level::kEdge}, {"y", Level::kGraph}};
  const absl::Time start = absl::Now();
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<IngestStream> ingest, client.Ingest(spec));
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

absl::StatusOr<Rates> Measure(Client& client, const StreamOptions& options,
                              const ChildProcess& server) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<BatchStream> stream, client.StreamBatches(options));
  for (int i = 0; i < 50; ++i) GF_RETURN_IF_ERROR(stream->Next().status());
  Rates run;
  int64_t batches = 0;
  int64_t graphs = 0;
  const double own_cpu = OwnCpuSeconds();
  const absl::Duration server_cpu = server.CpuTime();
  const absl::Time start = absl::Now();
  absl::Duration elapsed;
  do {
    GF_ASSIGN_OR_RETURN(const std::optional<Batch> batch, stream->Next());
    ++batches;
    for (const Counts& counts : batch->info().real) graphs += counts.graphs;
    run.frame_bytes = batch->placement().slab_bytes;
    elapsed = absl::Now() - start;
  } while (elapsed < absl::Seconds(absl::GetFlag(FLAGS_seconds)));
  const double seconds = absl::ToDoubleSeconds(elapsed);
  const auto count = static_cast<double>(batches);
  run.batches_per_s = count / seconds;
  run.graphs_per_s = static_cast<double>(graphs) / seconds;
  run.bytes_per_s = count * static_cast<double>(run.frame_bytes) / seconds;
  run.client_cpu_us = (OwnCpuSeconds() - own_cpu) * 1e6 / count;
  run.server_cpu_us = absl::ToDoubleMicroseconds(server.CpuTime() - server_cpu) / count;
  return run;
}

Rates Median(std::vector<Rates> runs) {
  std::sort(runs.begin(), runs.end(),
            [](const Rates& a, const Rates& b) { return a.batches_per_s < b.batches_per_s; });
  return runs[runs.size() / 2];
}

void Report(const char* strategy, const char* frames, const Rates& run) {
  std::printf(
      R"({"benchmark": "stream", "client": "cpp", "strategy": "%s", "frames": "%s", )"
      R"("batches_per_s": %.0f, "graphs_per_s": %.0f, "bytes_per_s": %.0f, "frame_bytes": %ld, )"
      R"("client_cpu_us_per_batch": %.0f, "server_cpu_us_per_batch": %.0f})"
      "\n",
      strategy, frames, run.batches_per_s, run.graphs_per_s, run.bytes_per_s, run.frame_bytes,
      run.client_cpu_us, run.server_cpu_us);
}

absl::Status MeasureCpp(Client& client, const DatasetInfo& info, const ChildProcess& server) {
  for (const auto& [strategy, name] : {std::pair(Strategy::kPadToMax, "pad_to_max"),
                                       std::pair(Strategy::kStreamPack, "stream_pack")}) {
    std::vector<Rates> built;
    std::vector<Rates> constant;
    std::vector<double> ratios;
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      GF_ASSIGN_OR_RETURN(Rates a, Measure(client, OptionsFor(info, strategy, kSeed), server));
      GF_ASSIGN_OR_RETURN(Rates b,
                          Measure(client, OptionsFor(info, strategy, kConstantSeed), server));
      ratios.push_back(a.bytes_per_s / b.bytes_per_s);
      built.push_back(a);
      constant.push_back(b);
    }
    Report(name, "built", Median(built));
    Report(name, "constant", Median(constant));
    std::sort(ratios.begin(), ratios.end());
    std::printf(R"({"benchmark": "stream_ratio", "client": "cpp", "strategy": "%s", )"
                R"("built_to_constant": %.3f})"
                "\n",
                name, ratios[ratios.size() / 2]);
    std::fflush(stdout);
  }
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

absl::Status Benchmark(const std::string& program, const std::string& data_dir, bool generate) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<ChildProcess> server,
                      ChildProcess::Start({program, absl::StrCat("--serve=", data_dir)}));
  const std::optional<std::string> line = server->ReadLine();
  absl::string_view address = line.has_value() ? absl::string_view(*line) : "";
  if (!absl::ConsumePrefix(&address, "listening on ")) {
    return absl::InternalError("the server did not start");
  }
  ClientOptions options;
  options.endpoint = std::string(address);
  options.timeout = absl::Minutes(10);
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Create(options));
  const std::string dataset = absl::GetFlag(FLAGS_dataset);
  if (generate) GF_RETURN_IF_ERROR(IngestMolecules(*client, dataset));
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, client->GetDataset(dataset));
  GF_RETURN_IF_ERROR(ReadOneEpoch(*client, info));
  GF_RETURN_IF_ERROR(MeasureCpp(*client, info, *server));
  if (absl::GetFlag(FLAGS_python)) {
    GF_RETURN_IF_ERROR(MeasurePython(options.endpoint, info));
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& program) {
  if (const std::string folder = absl::GetFlag(FLAGS_serve); !folder.empty()) return Serve(folder);
  if (const std::string folder = absl::GetFlag(FLAGS_data_dir); !folder.empty()) {
    return Benchmark(program, folder, /*generate=*/false);
  }
  std::string folder = (std::filesystem::temp_directory_path() / "graphfeed_bench_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return absl::ErrnoToStatus(errno, folder);
  const absl::Status status = Benchmark(program, folder, /*generate=*/true);
  std::filesystem::remove_all(folder);
  return status;
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Measures streams of padded and packed batches. Prints JSON, a line for each measurement.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = graphfeed::Run("/proc/self/exe");
  if (status.ok()) return 0;
  std::fprintf(stderr, "stream_benchmark: %s\n", status.ToString().c_str());
  return 1;
}
