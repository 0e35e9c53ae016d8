#ifndef GRAPHFEED_CLIENT_CLI_COMPARISON_OUTPUT_H_
#define GRAPHFEED_CLIENT_CLI_COMPARISON_OUTPUT_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "client/cpp/plan_comparison.h"
#include "client/flags/json.h"

namespace graphfeed {

// How many batches hold how many real graphs. Entry i: batches with i.
std::string Histogram(absl::Span<const int64_t> graphs_per_batch);

// Strategies side by side: sizes, batches, efficiency, histograms, and which one to take.
std::string ComparisonText(const PlanComparison& comparison);

// Adds "strategies" and "recommended" (null if there is none).
void AddComparison(const PlanComparison& comparison, Json& json);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_COMPARISON_OUTPUT_H_
