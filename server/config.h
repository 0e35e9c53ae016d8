#ifndef GRAPHFEED_SERVER_CONFIG_H_
#define GRAPHFEED_SERVER_CONFIG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace graphfeed {

// How a server runs; docs/operations.md says how to choose. Peak memory is about memory_budget +
// slab_memory + plan_memory + request_memory + ingest_memory, and a message, for each running
// ingest
// + partition_memory while there is a partition + the offsets of open datasets.
struct ServerConfig {
  std::string data_dir;
  std::string store;                         // a place with a scheme; exactly one of both is given
  std::string cache_dir;                     // of chunks of `store`; empty: none on disk
  int64_t cache_disk = int64_t{10} << 30;    // its size
  std::string snapshot_dir;                  // where snapshots go; empty: none are made
  std::string listen = "127.0.0.1:50051";    // port 0 picks one
  std::string metrics_listen;                // empty: no metrics endpoint
  int64_t memory_budget = int64_t{1} << 30;  // cached chunks
  int64_t slab_memory = int64_t{1} << 30;    // frames of all streams
  int64_t plan_memory = int64_t{256} << 20;  // plans of packed epochs
  int64_t ingest_memory = int64_t{256} << 20;   // of each running ingest
  int64_t partition_memory = int64_t{1} << 30;  // of the running partition
  std::string partition_program;                // empty: graphfeed-partition beside this program
  int64_t request_memory = int64_t{256} << 20;  // requests that are being read or answered
  int64_t max_frame_bytes = int64_t{1} << 30;   // no request may ask for more
  int64_t build_threads = 0;                    // 0: one for each processor
  int64_t ingest_threads = 2;
  int64_t default_prefetch = 4;
  int64_t max_prefetch = 64;
  int64_t max_streams = 1000;
  absl::Duration stream_max_age = absl::Minutes(10);  // 0: streams may stay for ever
  absl::Duration stream_wait = absl::Seconds(10);     // for memory and a place, before a refusal
  absl::Duration stream_idle_timeout =
      absl::Hours(1);           // 0: their clients may take nothing for ever
  bool shared_memory = true;    // with clients of this host, where `listen` is a Unix socket
  int64_t max_ingests = 8;      // and as many exports
  int64_t max_workers = 10000;  // of which reports are kept
  absl::Duration forget_workers_after = absl::Minutes(10);  // since a worker is gone
  absl::Duration ingest_idle_timeout = absl::Minutes(10);   // an ingest may be silent for so long
  absl::Duration drain_timeout = absl::Seconds(30);
  absl::Duration sweep_after = absl::Hours(1);  // what no version uses is kept for so long
  std::string log_level = "info";               // trace, debug, info, warn, error or off
  std::string log_format = "text";              // or "json"
  std::string audit_log;  // the file that changes and refusals are written to; empty: none
  absl::Duration slow_build = absl::Seconds(5);  // a frame that takes longer is warned of
  std::string access;                  // the file that says who may do what; empty: all may
  bool allow_unauthenticated = false;  // at an address that others reach
  std::string tls_cert;                // PEM files; empty: without TLS
  std::string tls_key;
  std::string tls_client_ca;                // of clients' certificates
  std::string tls_client_cert = "require";  // or "request"
  std::string reflection = "auto";          // or "on", "off"; auto: where only this host can ask
  bool read_only = false;                   // clients change nothing: this is a replica
  std::string follow;  // addresses, by commas: where versions are copied from; empty: nowhere
  absl::Duration follow_every = absl::Seconds(10);
  absl::Duration follow_max_lag = absl::ZeroDuration();  // not ready beyond; 0: however old
  bool follow_deletes = true;
  int64_t keep_versions = 0;                       // of each dataset, the newest; 0: all
  absl::Duration keep_for = absl::ZeroDuration();  // since they were published; 0: for ever
  absl::Duration keep_used = absl::Minutes(10);    // since a stream, or anybody, had it open
  std::string pin;  // "name@version" or "name", by commas: what is not removed
  absl::Duration snapshot_every = absl::ZeroDuration();  // 0: none are made by themselves
  int64_t snapshot_keep = 7;                             // of those
  int64_t min_free_disk = int64_t{64} << 20;  // what takes room is refused below; 0: never
  std::string follow_root_ca;                 // as ClientSecurity has them, of whoever is followed
  std::string follow_cert;
  std::string follow_key;
  std::string follow_token_file;
};

// Where the store is: --store, or the folder of --data-dir.
const std::string& StorePlace(const ServerConfig& config);

// Whether `listen` is an address that other hosts cannot reach.
bool IsLocalAddress(absl::string_view listen);

// Whether callers must show who they are. A certificate that may be shown and need not be
// (--tls-client-cert request) asks nobody.
bool AsksForCallers(const ServerConfig& config);

// Of this program: "0.1.0".
const char* ServerVersion();

// The flags whose values differ.
std::vector<std::string> ChangedSettings(const ServerConfig& before, const ServerConfig& after);

// INVALID_ARGUMENT: a line for each thing that is wrong, naming the flag, its value and the limit.
absl::Status ValidateConfig(const ServerConfig& config);

// What cannot work, though it is no error, when the process can have `memory_bytes`: a line each
// that names the flags and both numbers.
std::vector<std::string> MemoryWarnings(const ServerConfig& config, int64_t memory_bytes);

// What a command line asks for.
struct CommandLine {
  ServerConfig config;
  std::string config_file;  // empty: none
  bool check_only = false;  // instead of serving
  std::string print;        // instead of serving: the help or the version
};

// Reads the program's arguments (without its name), as "--flag=value" or "--flag value", the last
// of several, and what they leave out from the file of --config and the environment: what it has
// under a name, or null; empty: flags alone. Validates the result. Errors as ValidateConfig, and
// beside them what `files` says of what it names (Server::CheckFiles).
absl::StatusOr<CommandLine> ParseFlags(
    absl::Span<const char* const> arguments,
    const std::function<const char*(const char* name)>& environment = nullptr,
    const std::function<absl::Status(const ServerConfig&)>& files = nullptr);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_CONFIG_H_
