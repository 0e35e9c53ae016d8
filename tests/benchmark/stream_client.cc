// A C++ client that benchmarks drive: each line of its input asks for streams, by the flags that
// `graphfeed stream` has for batches and servers and those below; each is answered by a line of
// JSON. Connections stay open from line to line. stream_client.py is the same in Python.

#include <unistd.h>

#include <barrier>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/receive_memory.h"
#include "client/flags/json.h"
#include "client/flags/server_flags.h"
#include "client/flags/spec_flags.h"
#include "storage/base/status_macros.h"
#include "tests/benchmark/process_counters.h"

namespace graphfeed {
namespace {

struct Request {
  ServerFlags server;
  SpecFlags spec;
  bool compact = false;
  bool no_verify = false;
  int streams = 1;      // at once
  int64_t warm_up = 0;  // batches of each stream that come before the measurement
  double seconds = 1;   // length of the measurement
  int64_t batches = 0;  // of each stream, instead of seconds
  pid_t server_pid = 0;
};

std::unique_ptr<CLI::App> FlagsOf(Request& request) {
  auto app = std::make_unique<CLI::App>();
  request.server.Register(*app);
  request.spec.Register(*app);
  app->add_flag("--compact", request.compact);
  app->add_flag("--no-verify", request.no_verify);
  app->add_option("--streams", request.streams)->check(CLI::PositiveNumber);
  app->add_option("--warm-up", request.warm_up)->check(CLI::NonNegativeNumber);
  app->add_option("--seconds", request.seconds)->check(CLI::PositiveNumber);
  app->add_option("--batches", request.batches)->check(CLI::NonNegativeNumber);
  app->add_option("--server-pid", request.server_pid);
  return app;
}

// What one stream saw.
struct Run {
  absl::Status status;
  absl::Duration first;    // from the request to the first batch
  absl::Duration warm_up;  // to the last one of the warm-up
  int64_t batches = 0;     // of the measurement
  int64_t bytes = 0;
};

// All streams of a request: they warm up, wait for each other, and are measured together.
class Streams {
 public:
  Streams(Client& client, const Request& request, const StreamOptions& options)
      : client_(client),
        request_(request),
        options_(options),
        runs_(static_cast<size_t>(request.streams)),
        warm_(request.streams, Begin{this}),
        done_(request.streams, End{this}) {}

  absl::StatusOr<Json> Measure() {
    std::vector<std::thread> threads;
    for (Run& run : runs_) {
      threads.emplace_back([&] { run.status = Read(run); });
    }
    for (std::thread& thread : threads) thread.join();
    Run sum;
    for (const Run& run : runs_) {
      GF_RETURN_IF_ERROR(run.status);
      sum.batches += run.batches;
      sum.bytes += run.bytes;
    }
    return Json{{"batches", sum.batches},
                {"bytes", sum.bytes},
                {"seconds", absl::ToDoubleSeconds(end_ - begin_)},
                {"first_seconds", absl::ToDoubleSeconds(runs_[0].first)},
                {"warm_up_seconds", absl::ToDoubleSeconds(runs_[0].warm_up)},
                {"client", ToJson(client_end_ - client_begin_)},
                {"server", ToJson(server_end_ - server_begin_)}};
  }

 private:
  struct Begin {
    Streams* self;
    void operator()() noexcept {
      self->server_begin_ = CountersOf(self->request_.server_pid);
      self->client_begin_ = CountersOf(getpid());
      self->begin_ = absl::Now();
    }
  };
  struct End {
    Streams* self;
    void operator()() noexcept {
      self->end_ = absl::Now();
      self->client_end_ = CountersOf(getpid());
      self->server_end_ = CountersOf(self->request_.server_pid);
    }
  };

  static Json ToJson(const ProcessCounters& counters) {
    return {{"cpu_seconds", counters.cpu_seconds},
            {"minor_faults", counters.minor_faults},
            {"context_switches", counters.context_switches}};
  }

  absl::Status Read(Run& run) {
    const absl::Time asked = absl::Now();
    const absl::StatusOr<std::unique_ptr<BatchStream>> stream = client_.StreamBatches(options_);
    absl::Status status = stream.status();
    if (status.ok()) status = WarmUp(**stream, asked, run);
    warm_.arrive_and_wait();  // also who has failed, or others would wait for ever
    if (status.ok()) status = ReadMeasured(**stream, asked, run);
    done_.arrive_and_wait();
    return status;
  }

  absl::Status WarmUp(BatchStream& stream, absl::Time asked, Run& run) {
    for (int64_t i = 0; i < request_.warm_up; ++i) GF_RETURN_IF_ERROR(Take(stream, asked, run));
    run.warm_up = absl::Now() - asked;
    run.batches = run.bytes = 0;
    return absl::OkStatus();
  }

  absl::Status ReadMeasured(BatchStream& stream, absl::Time asked, Run& run) {
    const absl::Time deadline = begin_ + absl::Seconds(request_.seconds);
    do {
      GF_RETURN_IF_ERROR(Take(stream, asked, run));
    } while (request_.batches > 0 ? run.batches < request_.batches : absl::Now() < deadline);
    return absl::OkStatus();
  }

  static absl::Status Take(BatchStream& stream, absl::Time asked, Run& run) {
    GF_ASSIGN_OR_RETURN(const std::optional<Batch> batch, stream.Next());
    if (!batch.has_value()) return absl::InternalError("the stream has ended");
    if (run.first == absl::ZeroDuration()) run.first = absl::Now() - asked;
    ++run.batches;
    run.bytes += batch->placement().slab_bytes;
    return absl::OkStatus();
  }

  Client& client_;
  const Request& request_;
  const StreamOptions& options_;
  std::vector<Run> runs_;
  absl::Time begin_;
  absl::Time end_;
  ProcessCounters client_begin_;
  ProcessCounters client_end_;
  ProcessCounters server_begin_;
  ProcessCounters server_end_;
  std::barrier<Begin> warm_;
  std::barrier<End> done_;
};

using Clients = std::map<std::string, std::unique_ptr<Client>>;

absl::StatusOr<Json> Answer(const std::string& line, Clients& clients) {
  Request request;
  const std::unique_ptr<CLI::App> flags = FlagsOf(request);
  try {
    flags->parse(line, /*program_name_included=*/false);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(line, ": ", error.what()));
  }
  if (request.compact) request.server.encoding = Encoding::kCompact;
  std::unique_ptr<Client>& client = clients[absl::StrCat(
      request.server.server, " ", request.compact, " ", request.server.no_shared_memory)];
  if (client == nullptr) {
    GF_ASSIGN_OR_RETURN(client, request.server.Connect());
  }
  GF_ASSIGN_OR_RETURN(StreamOptions options, request.spec.Build());
  options.num_epochs = 0;
  options.verify_digests = !request.no_verify;
  return Streams(*client, request, options).Measure();
}

absl::Status Serve() {
  Clients clients;
  for (std::string line; std::getline(std::cin, line);) {
    GF_ASSIGN_OR_RETURN(const Json answer, Answer(line, clients));
    std::cout << answer.dump() << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace graphfeed

int main() {
  graphfeed::KeepReceiveMemory();  // as clients do
  const absl::Status status = graphfeed::Serve();
  if (status.ok()) return 0;
  std::cerr << "stream_client: " << status.ToString() << "\n";
  return 1;
}
