#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "client/cpp/receive_memory.h"
#include "client/worker/config.h"
#include "client/worker/run_worker.h"
#include "storage/base/stop_signal.h"

int main(int argc, char** argv) {
  graphfeed::KeepReceiveMemory();
  const auto line = graphfeed::ParseWorkerFlags(argc, argv);
  if (!line.ok()) {
    std::cerr << "graphfeed-worker: " << line.status().message()
              << "\nRun graphfeed-worker --help.\n";
    return 2;
  }
  if (!line->print.empty()) {
    std::cout << line->print;
    return 0;
  }
  graphfeed::StopSignal stop;
  std::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = graphfeed::RunWorker(line->config, stop, std::cout, std::cerr);
  if (status.ok()) return 0;
  std::cerr << "graphfeed-worker: " << absl::StatusCodeToString(status.code()) << ": "
            << status.message() << std::endl;
  // A device that hangs holds a thread that cannot be joined.
  if (graphfeed::ErrorClassOf(status) == "hang") _exit(1);
  return 1;
}
