#include "client/cli/worker_output.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/cli/text_output.h"
#include "proto/frame/worker_fields.h"

namespace graphfeed {
namespace {

const char* StateOf(const WorkerStatus& status) {
  if (status.report.finished) return "finished";
  return status.gone ? "gone" : "running";
}

std::string FormatAge(int64_t age_ms) {
  constexpr int64_t kMinute = 60'000;
  if (age_ms < 10'000) return absl::StrFormat("%.1f s", static_cast<double>(age_ms) / 1000);
  if (age_ms < 2 * kMinute) return absl::StrCat(age_ms / 1000, " s");
  if (age_ms < 120 * kMinute) return absl::StrCat(age_ms / kMinute, " min");
  return absl::StrCat(age_ms / (60 * kMinute), " h");
}

std::string PaddingShare(const WorkerReport& report) {
  const double all =
      static_cast<double>(report.real_nodes) + static_cast<double>(report.padding_nodes);
  return all > 0 ? FormatPercent(static_cast<double>(report.padding_nodes) / all) : "-";
}

std::string LossOf(const WorkerReport& report) {
  return report.has_loss ? absl::StrFormat("%.4g", report.loss) : "-";
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

// The first `columns` code points.
absl::string_view Cut(absl::string_view line, int columns) {
  size_t end = 0;
  for (int column = 0; end < line.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(line[end]) & 0xc0) != 0x80;
    if (begins && column++ == columns) break;
  }
  return line.substr(0, end);
}

}  // namespace

void SortByNeed(std::vector<WorkerStatus>& workers) {
  std::stable_sort(workers.begin(), workers.end(),
                   [](const WorkerStatus& a, const WorkerStatus& b) {
                     if (a.gone != b.gone) return b.gone;
                     if (a.gone && a.age_ms != b.age_ms) return a.age_ms < b.age_ms;
                     if (!a.gone && a.data_stall_share != b.data_stall_share) {
                       return a.data_stall_share > b.data_stall_share;
                     }
                     return a.report.worker < b.report.worker;
                   });
}

std::string WorkerSummary(absl::Span<const WorkerStatus> workers) {
  int64_t running = 0;
  double steps = 0;
  double stall = 0;
  for (const WorkerStatus& status : workers) {
    if (status.gone) continue;
    ++running;
    steps += status.steps_per_second;
    stall += status.data_stall_share;
  }
  const auto gone = std::ssize(workers) - running;
  std::string summary = absl::StrCat(FormatCount(running), running == 1 ? " worker" : " workers");
  if (gone > 0) absl::StrAppend(&summary, ", ", FormatCount(gone), " gone");
  if (running == 0) return summary;
  absl::StrAppend(&summary, ", ", FormatFixed(steps, 1), " steps/s, data stall ",
                  FormatPercent(stall / static_cast<double>(running)));
  return summary;
}

std::string WorkerTable(absl::Span<const WorkerStatus> workers) {
  TextTable table({"WORKER", "JOB", "RUNTIME", "PHASE", "DATASET", ">STEPS/S", ">DATA STALL",
                   ">PADDING", ">LOSS", ">POSITION", ">AGE", "STATE"});
  for (const WorkerStatus& status : workers) {
    const WorkerReport& report = status.report;
    table.Add({report.worker, OrDash(report.job), OrDash(report.runtime),
               report.trains ? "train" : "infer", OrDash(report.dataset),
               FormatFixed(status.steps_per_second, 1), FormatPercent(status.data_stall_share),
               PaddingShare(report), LossOf(report),
               absl::StrCat(report.epoch, "/", report.ordinal), FormatAge(status.age_ms),
               StateOf(status)});
  }
  return table.ToString();
}

Json ToJson(const WorkerStatus& status) {
  Json json = {{"worker", status.report.worker},
               {"state", StateOf(status)},
               {"age_ms", status.age_ms},
               {"steps_per_second", status.steps_per_second},
               {"data_stall_share", status.data_stall_share}};
  ForEachField(status.report, [&](const char* name, const auto& value) { json[name] = value; });
  if (!status.report.has_loss || !std::isfinite(status.report.loss)) json["loss"] = nullptr;
  return json;
}

std::string FitScreen(absl::string_view text, int rows, int columns) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  const int left_out = static_cast<int>(lines.size()) - rows;
  if (left_out > 0) lines.resize(static_cast<size_t>(std::max(rows - 1, 0)));
  std::string fitted;
  for (const absl::string_view line : lines) absl::StrAppend(&fitted, Cut(line, columns), "\n");
  if (left_out > 0)
    absl::StrAppend(&fitted, Cut(absl::StrCat("... ", left_out + 1, " more"), columns), "\n");
  return fitted;
}

}  // namespace graphfeed
