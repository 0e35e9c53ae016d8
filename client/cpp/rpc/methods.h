#ifndef GRAPHFEED_CLIENT_CPP_RPC_METHODS_H_
#define GRAPHFEED_CLIENT_CPP_RPC_METHODS_H_

// Paths of the service's methods.

namespace graphfeed::methods {

inline constexpr char kListDatasets[] = "/graphfeed.v1.GraphFeed/ListDatasets";
inline constexpr char kGetDataset[] = "/graphfeed.v1.GraphFeed/GetDataset";
inline constexpr char kIngest[] = "/graphfeed.v1.GraphFeed/Ingest";
inline constexpr char kExportVersion[] = "/graphfeed.v1.GraphFeed/ExportVersion";
inline constexpr char kCreateSnapshot[] = "/graphfeed.v1.GraphFeed/CreateSnapshot";
inline constexpr char kDeleteVersion[] = "/graphfeed.v1.GraphFeed/DeleteVersion";
inline constexpr char kEstimateOptions[] = "/graphfeed.v1.GraphFeed/EstimateOptions";
inline constexpr char kPartitionDataset[] = "/graphfeed.v1.GraphFeed/PartitionDataset";
inline constexpr char kDescribePlan[] = "/graphfeed.v1.GraphFeed/DescribePlan";
inline constexpr char kStreamBatches[] = "/graphfeed.v1.GraphFeed/StreamBatches";
inline constexpr char kGetBatch[] = "/graphfeed.v1.GraphFeed/GetBatch";
inline constexpr char kReportWorkerMetrics[] = "/graphfeed.v1.GraphFeed/ReportWorkerMetrics";
inline constexpr char kListWorkers[] = "/graphfeed.v1.GraphFeed/ListWorkers";
inline constexpr char kServerInfo[] = "/graphfeed.v1.GraphFeed/ServerInfo";

}  // namespace graphfeed::methods

#endif  // GRAPHFEED_CLIENT_CPP_RPC_METHODS_H_
