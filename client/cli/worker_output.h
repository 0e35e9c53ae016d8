#ifndef GRAPHFEED_CLIENT_CLI_WORKER_OUTPUT_H_
#define GRAPHFEED_CLIENT_CLI_WORKER_OUTPUT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/flags/json.h"
#include "proto/frame/worker_report.h"

namespace graphfeed {

// In the order in which they are shown: those that run, the starving first, then those that are
// gone, the latest first.
void SortByNeed(std::vector<WorkerStatus>& workers);

// "3 workers, 1 gone, 24.5 steps/s, data stall 12.00 %": rates of those that run, the mean of their
// stalls.
std::string WorkerSummary(absl::Span<const WorkerStatus> workers);

// A row for each.
std::string WorkerTable(absl::Span<const WorkerStatus> workers);

// The status, and all fields of the report; a loss that is not finite is null.
Json ToJson(const WorkerStatus& status);

// What fits on a terminal of `rows` and `columns` from its first line on; the last line says how
// many lines do not. Names of workers are UTF-8: each code point counts as a column.
std::string FitScreen(absl::string_view text, int rows, int columns);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_WORKER_OUTPUT_H_
