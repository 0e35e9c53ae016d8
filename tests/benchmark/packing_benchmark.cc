// Packs of graphs of given sizes against their bound, sizes that are chosen, and what plans and
// choices cost. A JSON line for each.

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/batching/plan.h"
#include "server/batching/sizing/choose_sizes.h"
#include "storage/base/check.h"
#include "tests/support/memory_features.h"

ABSL_FLAG(std::string, name, "synthetic", "of the dataset, in the output");
ABSL_FLAG(std::string, sizes, "", "file of its graphs: int32, all numbers of nodes, then of edges");
ABSL_FLAG(int64_t, synthetic, 0, "so many graphs of molecules' sizes instead");
ABSL_FLAG(int64_t, node_features, 11, "float32 of a node");
ABSL_FLAG(int64_t, edge_features, 4, "float32 of an edge; 0: no such column");
ABSL_FLAG(std::string, packs, "", "sizes of batches to pack: GRAPHS,NODES,EDGES;...");
ABSL_FLAG(std::string, best, "", "targets to choose sizes for: STRATEGY:LIMIT=NUMBER;...");
ABSL_FLAG(int64_t, shuffles, 20, "epochs that are packed; the worst one is told");

namespace {

// Bytes that are allocated, and the most there have been.
int64_t g_live = 0;
int64_t g_peak = 0;

void* Allocate(size_t size) {
  void* const p = std::malloc(std::max<size_t>(size, 1));
  if (p == nullptr) throw std::bad_alloc();
  g_live += static_cast<int64_t>(malloc_usable_size(p));
  g_peak = std::max(g_peak, g_live);
  return p;
}

void Free(void* p) {
  if (p == nullptr) return;
  g_live -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

// Of one thread.
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* p) noexcept { Free(p); }
void operator delete[](void* p) noexcept { Free(p); }
void operator delete(void* p, size_t) noexcept { Free(p); }
void operator delete[](void* p, size_t) noexcept { Free(p); }

namespace graphfeed {
namespace {

struct Cost {
  double milliseconds = 0;
  double cpu_milliseconds = 0;
  int64_t peak_bytes = 0;
};

double CpuMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

Cost Measure(const std::function<void()>& work) {
  const int64_t live = g_peak = g_live;
  const double cpu = CpuMilliseconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  return {.milliseconds = time.count(),
          .cpu_milliseconds = CpuMilliseconds() - cpu,
          .peak_bytes = g_peak - live};
}

struct Sizes {
  std::vector<int32_t> nodes;
  std::vector<int32_t> edges;
};

Sizes ReadSizes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t count = bytes.size() / (2 * sizeof(int32_t));
  GF_CHECK(count > 0);
  Sizes sizes{.nodes = std::vector<int32_t>(count), .edges = std::vector<int32_t>(count)};
  std::copy_n(bytes.data(), count * sizeof(int32_t), reinterpret_cast<char*>(sizes.nodes.data()));
  std::copy_n(bytes.data() + count * sizeof(int32_t), count * sizeof(int32_t),
              reinterpret_cast<char*>(sizes.edges.data()));
  return sizes;
}

// As those of QM9: 3 to 29 nodes, 18 on average, and a little more than twice as many edges.
Sizes Synthetic(int64_t count) {
  RandomStream stream(CounterRandom(0, 0, RandomPurpose::kTrim), 0, 0);
  Sizes sizes;
  for (int64_t i = 0; i < count; ++i) {
    int64_t nodes = 2;
    for (int k = 0; k < 4; ++k) nodes += static_cast<int64_t>(stream.Below(9));
    nodes = std::clamp<int64_t>(nodes, 3, 29);
    sizes.nodes.push_back(static_cast<int32_t>(nodes));
    sizes.edges.push_back(static_cast<int32_t>(2 * (nodes + stream.Below(2))));
  }
  return sizes;
}

// Of the columns only the widths count.
Schema SchemaOf(int64_t node_features, int64_t edge_features) {
  Schema schema = Schema::Homogeneous(true);
  const auto add = [&](const char* name, Level level, DType dtype, std::vector<int64_t> shape) {
    ColumnSchema column;
    column.name = name;
    column.level = level;
    column.dtype = dtype;
    column.row_shape = std::move(shape);
    column.concat_last = std::string(name) == "edge_index";
    schema.columns.push_back(column);
  };
  add("x", Level::kNode, DType::kFloat32, {node_features});
  add("edge_index", Level::kEdge, DType::kInt64, {2});
  if (edge_features > 0) add("edge_attr", Level::kEdge, DType::kFloat32, {edge_features});
  add("y", Level::kGraph, DType::kInt64, {});
  return schema;
}

// Sizes without rows.
class Graphs {
 public:
  explicit Graphs(const Sizes& sizes)
      : node_ptr_(PtrOf(sizes.nodes)), edge_ptr_(PtrOf(sizes.edges)) {
    info_.schema = SchemaOf(absl::GetFlag(FLAGS_node_features), absl::GetFlag(FLAGS_edge_features));
    info_.columns.resize(info_.schema.columns.size());
    info_.num_graphs = offsets_.num_graphs = std::ssize(sizes.nodes);
    info_.num_nodes = {node_ptr_.back()};
    info_.num_edges = {edge_ptr_.back()};
    offsets_.node_ptr = {node_ptr_};
    offsets_.edge_ptr = {edge_ptr_};
  }

  const DatasetInfo& info() const { return info_; }
  const GraphOffsets& offsets() const { return offsets_; }

 private:
  static std::vector<int64_t> PtrOf(const std::vector<int32_t>& sizes) {
    std::vector<int64_t> ptr = {0};
    ptr.reserve(sizes.size() + 1);
    for (const int32_t size : sizes) ptr.push_back(ptr.back() + size);
    return ptr;
  }

  const std::vector<int64_t> node_ptr_;
  const std::vector<int64_t> edge_ptr_;
  DatasetInfo info_;
  GraphOffsets offsets_;
};

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

void Start(const char* benchmark) {
  absl::PrintF("{\"benchmark\": \"%s\", \"dataset\": \"%s\"", benchmark, absl::GetFlag(FLAGS_name));
}

// Epochs of all graphs, packed in as many orders.
void Pack(const Graphs& graphs, const BatchSpec& request) {
  const auto spec = ResolveSpec(request, graphs.info(), graphs.offsets());
  GF_CHECK(spec.ok());
  int64_t bound = 0;
  int64_t worst = 0;
  double sum = 0;
  double nodes = 1;
  double edges = 1;
  Cost most;
  std::vector<double> times;
  std::vector<double> cpu_times;
  const int64_t shuffles = absl::GetFlag(FLAGS_shuffles);
  for (int64_t epoch = 0; epoch < shuffles; ++epoch) {
    std::unique_ptr<EpochPlan> plan;
    const Cost cost = Measure([&] {
      auto made = EpochPlan::Create(*spec, graphs.offsets(), 1, epoch);
      GF_CHECK(made.ok());
      plan = *std::move(made);
    });
    times.push_back(cost.milliseconds);
    cpu_times.push_back(cost.cpu_milliseconds);
    most.peak_bytes = std::max(most.peak_bytes, cost.peak_bytes);
    const ResolvedOptions& options = spec->options;
    const auto of = [](int64_t total, int64_t size) { return (total + size - 1) / size; };
    const PlanSummary& summary = plan->summary();
    bound = std::max({of(graphs.info().num_graphs, options.num_graphs - 1),
                      of(graphs.info().num_nodes[0], options.num_nodes[0] - 1),
                      of(graphs.info().num_edges[0], options.num_edges[0] - 1)});
    worst = std::max(worst, summary.num_batches);
    sum += static_cast<double>(summary.num_batches);
    nodes = std::min(nodes, summary.node_efficiency);
    edges = std::min(edges, summary.edge_efficiency);
  }
  const ResolvedOptions& options = spec->options;
  Start("packs");
  absl::PrintF(
      ", \"strategy\": \"%s\", \"num_graphs\": %d, \"num_nodes\": %d, \"num_edges\": %d, "
      "\"graphs\": %d, \"shuffles\": %d, \"bound\": %d, \"worst\": %d, \"mean\": %.2f, "
      "\"worst_node_efficiency\": %.5f, \"worst_edge_efficiency\": %.5f, \"plan_ms\": %.2f, "
      "\"plan_cpu_ms\": %.2f, "
      "\"peak_bytes_per_graph\": %.1f}\n",
      NameOf(spec->strategy), options.num_graphs, options.num_nodes[0], options.num_edges[0],
      graphs.info().num_graphs, shuffles, bound, worst, sum / static_cast<double>(shuffles), nodes,
      edges, Median(times), Median(cpu_times),
      static_cast<double>(most.peak_bytes) / static_cast<double>(graphs.info().num_graphs));
  std::fflush(stdout);
}

BatchSpec Request(Strategy strategy) {
  BatchSpec request;
  request.strategy = strategy;
  request.shuffle = true;
  return request;
}

void Choose(const Graphs& graphs, Strategy strategy, const SizeTarget& target) {
  constexpr int64_t kMaxBytes = int64_t{1} << 31;
  BatchSpec request = Request(strategy);
  absl::StatusOr<SizeChoice> choice;
  const Cost cost = Measure(
      [&] { choice = ChooseSizes(request, target, graphs.info(), graphs.offsets(), kMaxBytes); });
  Start("choice");
  absl::PrintF(", \"strategy\": \"%s\", \"target\": \"%s\", \"at_most\": %d", NameOf(strategy),
               NameOf(target.limit), target.at_most);
  if (!choice.ok()) {
    absl::PrintF(", \"refused\": \"%s\"}\n", choice.status().message());
    return;
  }
  absl::PrintF(
      ", \"num_graphs\": %d, \"num_nodes\": %d, \"num_edges\": %d, \"expected_batches\": %d, "
      "\"bound\": %d, \"node_efficiency\": %.5f, \"edge_efficiency\": %.5f, \"padding_share\": "
      "%.5f, \"batch_bytes\": %d, \"sampled_graphs\": %d, \"choose_ms\": %.1f, \"choose_cpu_ms\": "
      "%.1f, \"peak_bytes\": %d, "
      "\"charged_bytes\": %d}\n",
      choice->options.num_graphs, choice->options.num_nodes[""], choice->options.num_edges[""],
      choice->num_batches, choice->lower_bound_batches, choice->node_efficiency,
      choice->edge_efficiency, choice->padding_share, choice->batch_bytes, choice->sampled_graphs,
      cost.milliseconds, cost.cpu_milliseconds, cost.peak_bytes,
      ChooseSizesBytes(request, graphs.info()));
  request.options = choice->options;
  Pack(graphs, request);
}

int64_t NumberOf(absl::string_view text) {
  int64_t number = 0;
  GF_CHECK(absl::SimpleAtoi(text, &number));
  return number;
}

void Run() {
  const int64_t synthetic = absl::GetFlag(FLAGS_synthetic);
  const Graphs graphs(synthetic > 0 ? Synthetic(synthetic) : ReadSizes(absl::GetFlag(FLAGS_sizes)));
  for (const absl::string_view text :
       absl::StrSplit(absl::GetFlag(FLAGS_packs), ';', absl::SkipEmpty())) {
    const std::vector<absl::string_view> sizes = absl::StrSplit(text, ',');
    GF_CHECK(sizes.size() == 3);
    BatchSpec request = Request(Strategy::kPack);
    request.options.emplace();
    request.options->num_graphs = NumberOf(sizes[0]);
    request.options->num_nodes[""] = NumberOf(sizes[1]);
    request.options->num_edges[""] = NumberOf(sizes[2]);
    Pack(graphs, request);
  }
  for (const absl::string_view text :
       absl::StrSplit(absl::GetFlag(FLAGS_best), ';', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::ByAnyChar(":="));
    GF_CHECK(parts.size() == 3);
    const auto strategy = FromName<Strategy>(parts[0]);
    const auto limit = FromFlag<SizeLimit>(parts[1]);
    GF_CHECK(strategy.has_value() && limit.has_value());
    Choose(graphs, *strategy, {.limit = *limit, .at_most = NumberOf(parts[2])});
  }
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Packs graphs and chooses sizes for them; a JSON line for each.");
  absl::ParseCommandLine(argc, argv);
  graphfeed::Run();
}
