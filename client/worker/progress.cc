#include "client/worker/progress.h"

#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/flags/json.h"
#include "client/worker/loss_plot.h"
#include "client/worker/whole_file.h"
#include "storage/base/digest.h"

namespace graphfeed {

Progress::Progress(const WorkerConfig& config, std::ostream& out, std::ostream& err)
    : config_(config), out_(out), err_(err) {}

absl::Status Progress::OpenFiles() {
  if (config_.loss_log.empty()) return absl::OkStatus();
  const std::ofstream file(config_.loss_log, std::ios::app);
  if (file) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("--loss-log: cannot write \"", config_.loss_log, "\""));
}

void Progress::GoOnWithLog(int64_t steps) {
  std::string kept = "step,epoch,ordinal,loss\n";
  std::ifstream before(config_.loss_log);
  for (std::string line; std::getline(before, line);) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
    int64_t step = 0;
    double loss = 0;
    const bool whole = fields.size() == 4 && absl::SimpleAtoi(fields[0], &step) &&
                       absl::SimpleAtod(fields[3], &loss);
    if (!whole || step > steps) continue;
    absl::StrAppend(&kept, line, "\n");
    losses_.emplace_back(step, loss);
  }
  before.close();
  loss_log_.open(config_.loss_log);
  loss_log_ << kept << std::flush;
}

void Progress::Listening(const std::string& address) {
  MutexLock lock(&mu_);
  if (config_.json) {
    out_ << Json{{"event", "listening"}, {"metrics", address}}.dump() << std::endl;
  } else {
    out_ << "metrics on " << address << std::endl;
  }
}

void Progress::Started(const StreamInfo& info, const Position& position, int64_t steps) {
  MutexLock lock(&mu_);
  if (!config_.loss_log.empty()) GoOnWithLog(steps);
  if (config_.json) {
    out_ << Json{{"event", "start"},
                 {"dataset", info.dataset},
                 {"fingerprint", DigestHex(info.fingerprint)},
                 {"spec_digest", DigestHex(info.spec_digest)},
                 {"seed", info.seed},
                 {"epoch", position.epoch},
                 {"ordinal", position.ordinal}}
                .dump()
         << std::endl;
    return;
  }
  out_ << "dataset " << info.dataset << ", seed " << info.seed << ", from epoch " << position.epoch
       << ", ordinal " << position.ordinal << std::endl;
}

void Progress::StepDone(int64_t step, const FrameInfo& frame, std::optional<double> loss) {
  if (!loss.has_value()) return;
  MutexLock lock(&mu_);
  if (loss_log_.is_open()) {
    loss_log_ << absl::StrFormat("%d,%d,%d,%.9g\n", step, frame.epoch, frame.ordinal, *loss)
              << std::flush;
  }
  if (!config_.loss_plot.empty()) losses_.emplace_back(step, *loss);
}

void Progress::EpochDone(const Epoch& epoch) {
  MutexLock lock(&mu_);
  if (config_.json) {
    Json json = {{"event", "epoch"},         {"epoch", epoch.epoch},
                 {"steps", epoch.steps},     {"samples", epoch.samples},
                 {"seconds", epoch.seconds}, {"data_stall_share", epoch.data_stall_share}};
    if (epoch.mean_loss.has_value()) json["loss"] = *epoch.mean_loss;
    out_ << json.dump() << std::endl;
    return;
  }
  out_ << absl::StrFormat("epoch %d  %d steps, %d samples in %.2f s, waiting for data %.1f %%",
                          epoch.epoch, epoch.steps, epoch.samples, epoch.seconds,
                          100 * epoch.data_stall_share);
  if (epoch.mean_loss.has_value()) out_ << absl::StrFormat(", loss %.5f", *epoch.mean_loss);
  out_ << std::endl;
}

void Progress::Warned(const std::string& what) {
  MutexLock lock(&mu_);
  err_ << "graphfeed-worker: " << what << std::endl;
  if (config_.json) out_ << Json{{"event", "warning"}, {"what", what}}.dump() << std::endl;
}

absl::Status Progress::Finish(const Worker& worker, const absl::Status& status) {
  MutexLock lock(&mu_);
  const char* how = !status.ok() ? "failed" : worker.stopped() ? "stopped" : "done";
  if (config_.json) {
    out_ << Json{{"event", "end"},
                 {"how", how},
                 {"epoch", worker.position().epoch},
                 {"ordinal", worker.position().ordinal},
                 {"totals", ToJson(worker.totals())}}
                .dump()
         << std::endl;
  } else {
    out_ << how << " at epoch " << worker.position().epoch << ", ordinal "
         << worker.position().ordinal << " after " << worker.totals().steps << " steps and "
         << worker.totals().samples << " samples" << std::endl;
  }
  if (loss_log_.is_open()) {
    loss_log_.close();
    if (!loss_log_) {
      return absl::UnavailableError(
          absl::StrCat("--loss-log: cannot write \"", config_.loss_log, "\""));
    }
  }
  if (config_.loss_plot.empty() || losses_.empty()) return absl::OkStatus();
  return WriteWholeFile(
      config_.loss_plot,
      {LossPlotSvg(losses_, absl::StrCat("loss on ", config_.worker.stream.dataset))});
}

}  // namespace graphfeed
