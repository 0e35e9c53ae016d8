#include "tests/benchmark/stream_rates.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/server.h"
#include "storage/base/status_macros.h"
#include "tests/benchmark/constant_frames.h"

namespace graphfeed {
namespace {

// Frames that are received before anything is measured.
constexpr int kWarmUp = 8;

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

absl::StatusOr<Rates> Measure(Client& client, const StreamOptions& options,
                              const ChildProcess& server, absl::Duration time) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<BatchStream> stream, client.StreamBatches(options));
  for (int i = 0; i < kWarmUp; ++i) GF_RETURN_IF_ERROR(stream->Next().status());
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
  } while (elapsed < time);
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

void Report(const std::string& strategy, const char* frames, const Rates& run) {
  std::printf(
      R"({"benchmark": "stream", "client": "cpp", "strategy": "%s", "frames": "%s", )"
      R"("batches_per_s": %.1f, "graphs_per_s": %.0f, "bytes_per_s": %.0f, "frame_bytes": %ld, )"
      R"("client_cpu_us_per_batch": %.0f, "server_cpu_us_per_batch": %.0f})"
      "\n",
      strategy.c_str(), frames, run.batches_per_s, run.graphs_per_s, run.bytes_per_s,
      run.frame_bytes, run.client_cpu_us, run.server_cpu_us);
}

}  // namespace

absl::Status ServeUntilInputEnds(ServerConfig config) {
  config.listen = "127.0.0.1:0";
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(config, MakeConstant));
  std::printf("listening on 127.0.0.1:%d\n", server->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return absl::OkStatus();
}

absl::StatusOr<BenchmarkServer> StartServer(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"/proc/self/exe"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  BenchmarkServer server;
  GF_ASSIGN_OR_RETURN(server.process, ChildProcess::Start(std::move(command)));
  const std::optional<std::string> line = server.process->ReadLine();
  absl::string_view address = line.has_value() ? absl::string_view(*line) : "";
  if (!absl::ConsumePrefix(&address, "listening on ")) {
    return absl::InternalError("the server did not start");
  }
  server.address = std::string(address);
  ClientOptions options;
  options.endpoints = {server.address};
  options.timeout = absl::Minutes(10);
  GF_ASSIGN_OR_RETURN(server.client, Client::Create(options));
  options.encoding = Encoding::kCompact;
  GF_ASSIGN_OR_RETURN(server.compact_client, Client::Create(options));
  return server;
}

absl::Status CompareToConstant(absl::string_view name, const BenchmarkServer& server,
                               StreamOptions options, int rounds, absl::Duration time) {
  if (rounds < 1) return absl::InvalidArgumentError(absl::StrCat("rounds is ", rounds));
  StreamOptions constant_options = options;
  constant_options.seed = kConstantSeed;
  std::vector<Rates> built;
  std::vector<Rates> constant;
  std::vector<Rates> compact;
  std::vector<double> ratios;
  std::vector<double> compact_ratios;
  const ChildProcess& process = *server.process;
  for (int round = 0; round < rounds; ++round) {
    GF_ASSIGN_OR_RETURN(Rates a, Measure(*server.client, options, process, time));
    GF_ASSIGN_OR_RETURN(Rates b, Measure(*server.compact_client, options, process, time));
    GF_ASSIGN_OR_RETURN(Rates c, Measure(*server.client, constant_options, process, time));
    ratios.push_back(a.bytes_per_s / c.bytes_per_s);
    compact_ratios.push_back(b.bytes_per_s / c.bytes_per_s);
    built.push_back(a);
    compact.push_back(b);
    constant.push_back(c);
  }
  const std::string strategy(name);
  Report(strategy, "built", Median(built));
  Report(strategy, "compact", Median(compact));
  Report(strategy, "constant", Median(constant));
  std::sort(ratios.begin(), ratios.end());
  std::sort(compact_ratios.begin(), compact_ratios.end());
  std::printf(R"({"benchmark": "stream_ratio", "client": "cpp", "strategy": "%s", )"
              R"("built_to_constant": %.3f, "compact_to_constant": %.3f})"
              "\n",
              strategy.c_str(), ratios[ratios.size() / 2],
              compact_ratios[compact_ratios.size() / 2]);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status MeasureDigests(absl::string_view name, Client& client, StreamOptions options,
                            const ChildProcess& server, int rounds, absl::Duration time) {
  StreamOptions unchecked = options;
  unchecked.verify_digests = false;
  StreamOptions twice = options;
  twice.seed = kHashedTwiceSeed;
  options.verify_digests = true;
  twice.verify_digests = true;
  // Shares of throughput and, less disturbed by other programs, of processor time at both ends.
  std::vector<double> client_share;
  std::vector<double> server_share;
  std::vector<double> client_cpu_share;
  std::vector<double> server_cpu_share;
  int64_t frame_bytes = 0;
  for (int round = 0; round < rounds; ++round) {
    GF_ASSIGN_OR_RETURN(const Rates plain, Measure(client, options, server, time));
    GF_ASSIGN_OR_RETURN(const Rates without, Measure(client, unchecked, server, time));
    GF_ASSIGN_OR_RETURN(const Rates more, Measure(client, twice, server, time));
    const double cpu_us = plain.client_cpu_us + plain.server_cpu_us;
    client_share.push_back(1 - plain.bytes_per_s / without.bytes_per_s);
    server_share.push_back(1 - more.bytes_per_s / plain.bytes_per_s);
    client_cpu_share.push_back((plain.client_cpu_us - without.client_cpu_us) / cpu_us);
    server_cpu_share.push_back((more.server_cpu_us - plain.server_cpu_us) / cpu_us);
    frame_bytes = plain.frame_bytes;
  }
  const auto median = [](std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  const std::string strategy(name);
  std::printf(R"({"benchmark": "digest_cost", "strategy": "%s", "frame_bytes": %ld, )"
              R"("client_share": %.3f, "server_share": %.3f, "client_cpu_share": %.3f, )"
              R"("server_cpu_share": %.3f})"
              "\n",
              strategy.c_str(), frame_bytes, median(client_share), median(server_share),
              median(client_cpu_share), median(server_cpu_share));
  std::fflush(stdout);
  return absl::OkStatus();
}

}  // namespace graphfeed
