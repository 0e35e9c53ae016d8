#ifndef GRAPHFEED_CLIENT_CLI_JSON_OUTPUT_H_
#define GRAPHFEED_CLIENT_CLI_JSON_OUTPUT_H_

#include <string>

#include "absl/types/span.h"
#include "client/cpp/client.h"
#include "client/flags/json.h"
#include "client/flags/spec_json.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

Json ToJson(const DatasetInfo& info);
Json ToJson(const Counts& counts);
Json ToJson(const ServerInfo& info);
// Efficiencies of sampled batches are null: not known before the batches are made.
Json ToJson(const PlanSummary& plan, bool sampled);
Json ToJson(const SizeEstimate& report);  // without the options
Json LayoutToJson(const Layout& layout, absl::Span<const TensorPlace> places);

// Text that never fails: bytes that are no UTF-8 are replaced. `indent` -1: one line.
std::string Dump(const Json& json, int indent);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_JSON_OUTPUT_H_
