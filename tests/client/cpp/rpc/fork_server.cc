// The server of fork_test, which needs a process of its own: prints its endpoint and serves until
// its input ends. Answers ListDatasets with nothing and streams with the first of two frames; the
// second never comes.

#include <cstdio>

#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"

namespace {

absl::Status OneFrame(graphfeed::FakeCall& call) {
  call.Read();
  graphfeed::StreamInfo info;
  info.dataset = "d@1";
  info.layout = graphfeed::SmallLayout();
  info.seed = 7;
  info.resolved_spec.batch_size = 2;
  call.Write(graphfeed::HeaderMessage(info));
  call.Write(graphfeed::EpochMessage(0, 2));
  call.Write(graphfeed::SmallFrame(0, 0));
  call.WaitUntilCancelled();
  return absl::OkStatus();
}

absl::Status Nothing(graphfeed::FakeCall& call) {
  call.Write("");
  return absl::OkStatus();
}

}  // namespace

int main() {
  const auto server =
      graphfeed::FakeServer::Start({{"ListDatasets", &Nothing}, {"StreamBatches", &OneFrame}});
  std::printf("%s\n", server->endpoint().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
