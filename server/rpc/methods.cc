#include "server/rpc/methods.h"

#include <algorithm>

#include "google/protobuf/descriptor.h"
#include "graphfeed/v1/graphfeed.pb.h"

namespace graphfeed {
namespace {

struct MethodRoles {
  const char* method;
  RoleSet roles;
};
constexpr MethodRoles kRoles[] = {
    {"ListDatasets", Role::kReader},
    {"GetDataset", Role::kReader},
    {"EstimateOptions", Role::kReader},
    {"DescribePlan", Role::kReader},
    {"GetBatch", Role::kReader},
    {"StreamBatches", Role::kReader},
    {"ExportVersion", Role::kReader},
    {"Ingest", Role::kWriter},
    {"DeleteVersion", Role::kWriter},
    {"PartitionDataset", Role::kWriter},
    {"CreateSnapshot", Role::kOperator},
    {"ReportWorkerMetrics", Role::kWorker},
    {"ListWorkers", RoleSet(Role::kReader) | Role::kOperator | Role::kWorker},
    {"ServerInfo", RoleSet()},
};

struct MethodAction {
  const char* method;
  const char* action;
};
constexpr MethodAction kAudited[] = {
    {"Ingest", "ingest"},
    {"DeleteVersion", "delete"},
    {"PartitionDataset", "partition"},
    {"CreateSnapshot", "snapshot"},
};

}  // namespace

RoleSet RolesFor(absl::string_view method) {
  for (const MethodRoles& entry : kRoles) {
    if (method == entry.method) return entry.roles;
  }
  return Role::kOperator;  // what nobody has thought of
}

bool IsStreaming(absl::string_view method) {
  static const auto* const methods = new std::vector<Metrics::Method>(GraphFeedMethods());
  return std::any_of(methods->begin(), methods->end(), [&](const Metrics::Method& candidate) {
    return candidate.streams && candidate.name == method;
  });
}

absl::string_view AuditedAs(absl::string_view method) {
  for (const MethodAction& entry : kAudited) {
    if (method == entry.method) return entry.action;
  }
  return "";
}

std::vector<Metrics::Method> GraphFeedMethods() {
  const google::protobuf::ServiceDescriptor* const service =
      v1::ListDatasetsRequest::descriptor()->file()->FindServiceByName("GraphFeed");
  std::vector<Metrics::Method> methods;
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service->method(i);
    methods.push_back(
        {.name = method.name(), .streams = method.client_streaming() || method.server_streaming()});
  }
  return methods;
}

}  // namespace graphfeed
