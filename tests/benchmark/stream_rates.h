#ifndef GRAPHFEED_TESTS_BENCHMARK_STREAM_RATES_H_
#define GRAPHFEED_TESTS_BENCHMARK_STREAM_RATES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "server/config.h"
#include "tests/support/child_process.h"

namespace graphfeed {

// How benchmarks measure streams: a server in another process, and each kind of stream beside a
// constant slab of the same size through the same stream code (constant_frames.h).

// Serves on a free port of loopback and says where on standard output, until the input ends.
absl::Status ServeUntilInputEnds(ServerConfig config);

struct BenchmarkServer {
  std::unique_ptr<ChildProcess> process;
  std::string address;
  std::unique_ptr<Client> client;
  std::unique_ptr<Client> compact_client;  // the same, but padding does not travel
};

// Starts this program again with arguments that make it call ServeUntilInputEnds.
absl::StatusOr<BenchmarkServer> StartServer(const std::vector<std::string>& arguments);

// Prints a JSON line of the stream's rates, one of the same frames' without padding on the way, one
// of the constant slab's, and one of the ratios to it: medians of `rounds` measurements of length
// `time`, taken in turn. `name` names the strategy.
absl::Status CompareToConstant(absl::string_view name, const BenchmarkServer& server,
                               StreamOptions options, int rounds, absl::Duration time);

// Prints a JSON line of what digests cost: the share of throughput that a client gains by not
// checking them, and the share that is lost when the server hashes each frame once more.
absl::Status MeasureDigests(absl::string_view name, Client& client, StreamOptions options,
                            const ChildProcess& server, int rounds, absl::Duration time);

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_BENCHMARK_STREAM_RATES_H_
