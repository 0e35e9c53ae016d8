#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/cli/worker_output.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

struct TopFlags {
  ServerFlags server;
  double interval_seconds = 2;
  bool once = false;
  bool json = false;
};

// SIGINT and SIGTERM, kept until somebody asks for them: they end the command, and the call that it
// waits for. Threads that are started later keep them, too.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  // Takes what has come: it has done its work.
  ~StopSignals() {
    (void)Wait(absl::ZeroDuration());
    (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool Pending() {
    sigset_t pending;
    sigemptyset(&pending);
    (void)sigpending(&pending);
    return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
  }
  // Whether one comes within `time`, or had come.
  bool Wait(absl::Duration time) const {
    const timespec left = absl::ToTimespec(time);
    return sigtimedwait(&signals_, nullptr, &left) > 0;
  }

 private:
  sigset_t signals_;
  sigset_t before_;
};

// What was shown is written over where `in_place`; else it is shown again.
class Screen {
 public:
  Screen(std::ostream& out, bool in_place) : out_(out), in_place_(in_place) {}

  void Show(const std::string& text) {
    if (!in_place_) {
      out_ << text << std::endl;
      return;
    }
    winsize size = {};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) {
      size.ws_row = 24;
      size.ws_col = 80;
    }
    // Up and over what is there; each line and the screen are cleared behind what is new.
    const std::string fitted = FitScreen(text, size.ws_row - 1, size.ws_col);
    out_ << (std::exchange(shown_, true) ? "\x1b[H" : "\x1b[H\x1b[2J")
         << absl::StrReplaceAll(fitted, {{"\n", "\x1b[K\n"}}) << "\x1b[J" << std::flush;
  }

 private:
  std::ostream& out_;
  const bool in_place_;
  bool shown_ = false;
};

void ShowJson(const std::vector<WorkerStatus>& workers, std::ostream& out) {
  Json list = Json::array();
  for (const WorkerStatus& status : workers) list.push_back(ToJson(status));
  out << Dump({{"time_ms", absl::ToUnixMillis(absl::Now())}, {"workers", std::move(list)}}, -1)
      << std::endl;
}

// `trouble`: why this is not what is now.
std::string TopText(const std::vector<WorkerStatus>& workers, const absl::Status& trouble) {
  std::string text = absl::StrCat(WorkerSummary(workers), "\n");
  if (!trouble.ok()) absl::StrAppend(&text, "graphfeed: ", trouble.message(), "\n");
  return absl::StrCat(text, "\n", WorkerTable(workers));
}

absl::Status Top(const TopFlags& flags, const Console& console) {
  const StopSignals signals;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client,
                      flags.server.Connect(&StopSignals::Pending));
  Screen screen(console.out, !flags.once && isatty(STDOUT_FILENO) == 1);
  std::vector<WorkerStatus> workers;
  for (bool first = true;; first = false) {
    absl::StatusOr<std::vector<WorkerStatus>> listed = client->ListWorkers();
    if (StopSignals::Pending()) return absl::OkStatus();
    // The first answer shows that there is something to be asked; later ones may fail for a while.
    if (!listed.ok() && (first || flags.once)) return listed.status();
    if (listed.ok()) {
      workers = *listed;
      SortByNeed(workers);
    }
    if (!flags.json) {
      screen.Show(TopText(workers, listed.status()));
    } else if (listed.ok()) {
      ShowJson(workers, console.out);
    } else {
      console.err << "graphfeed: " << Shortened(std::string(listed.status().message()))
                  << std::endl;
    }
    if (flags.once || signals.Wait(absl::Seconds(flags.interval_seconds))) return absl::OkStatus();
    if (!console.out) return absl::UnavailableError("standard output is closed");
  }
}

}  // namespace

void AddTopCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<TopFlags>();  // shared with the callback
  flags->server.timeout_seconds = 10;
  flags->server.retry_timeout_seconds = 0;  // looking again is what the command does
  CLI::App* command = app.add_subcommand(
      "top",
      "Show the workers that report to the servers, those that wait for data first, until "
      "interrupted");
  flags->server.Register(*command);
  command->add_option("--interval", flags->interval_seconds, "seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  command->add_flag("--once", flags->once, "look once");
  command->add_flag(
      "--json", flags->json,
      "print a JSON line for each look: time_ms, and workers with all that they report");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Top(*flags, console); };
  });
}

}  // namespace graphfeed
