#include "client/cpp/client.h"

#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/plan_comparison.h"
#include "client/cpp/receive_memory.h"
#include "client/local/local.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "client/python/native/gil.h"
#include "client/python/native/handles.h"
#include "client/python/native/ingest.h"
#include "client/python/native/process_local.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

// What the client's threads have to tell the user. Python's threads log it, while they wait and
// when they come by, since the client's own must not wait for the lock.
class Notices {
 public:
  void Add(const std::string& what) {
    absl::MutexLock lock(&mu_);
    notices_.push_back(what);
  }
  // On a thread that waits. An exception of the logging stays with the thread.
  void Log() {
    {
      absl::MutexLock lock(&mu_);
      if (notices_.empty()) return;
    }
    WithGil([this] {
      try {
        const py::object log = py::module_::import("graphfeed._connection").attr("log");
        for (const std::string& notice : Take()) log(notice);
      } catch (py::error_already_set& error) {
        error.restore();
      }
    });
  }
  std::vector<std::string> Take() {
    absl::MutexLock lock(&mu_);
    return std::exchange(notices_, {});
  }

 private:
  absl::Mutex mu_;
  std::vector<std::string> notices_ ABSL_GUARDED_BY(mu_);
};

class ClientHandle {
 public:
  ClientHandle(std::unique_ptr<Client> client, std::shared_ptr<Notices> notices)
      : client_(std::move(client)), notices_(std::move(notices)) {}
  ClientHandle(const ClientHandle&) = delete;
  ClientHandle& operator=(const ClientHandle&) = delete;
  ~ClientHandle() {
    std::unique_ptr<Client> client = client_.Take();
    const GilReleased released;  // closes a connection
    client.reset();
  }

  Client& Get() const { return client_.Get("the client"); }
  std::vector<std::string> TakeNotices() const {
    (void)Get();  // the lock of a parent's may be held for ever
    return notices_->Take();
  }

 private:
  ProcessLocal<Client> client_;
  std::shared_ptr<Notices> notices_;  // shared with the client's streams
};

std::string* SecurityField(ClientSecurity& security, const std::string& name) {
  if (name == "root_ca") return &security.root_ca;
  if (name == "cert") return &security.cert;
  if (name == "key") return &security.key;
  if (name == "token") return &security.token;
  if (name == "token_file") return &security.token_file;
  throw py::value_error("security: " + name + " is unknown");
}

std::unique_ptr<ClientHandle> Connect(const std::vector<std::string>& endpoints,
                                      int64_t max_frame_bytes, double timeout, double retry_timeout,
                                      double keepalive_time, double keepalive_timeout, bool compact,
                                      bool use_proxy, bool shared_memory,
                                      const std::map<std::string, std::string>& security,
                                      bool spread) {
  KeepReceiveMemory();
  auto notices = std::make_shared<Notices>();
  ClientOptions options;
  options.endpoints = endpoints;
  options.max_frame_bytes = max_frame_bytes;
  options.timeout = absl::Seconds(timeout);
  options.retry_timeout = absl::Seconds(retry_timeout);
  options.keepalive_time = absl::Seconds(keepalive_time);
  options.keepalive_timeout = absl::Seconds(keepalive_timeout);
  options.encoding = compact ? Encoding::kCompact : Encoding::kDense;
  options.use_proxy = use_proxy;
  options.shared_memory = shared_memory;
  for (const auto& [name, value] : security) *SecurityField(options.security, name) = value;
  options.spread = spread;
  options.interrupted = [notices] {
    notices->Log();
    return SignalRaised();
  };
  options.on_failover = [notices](const std::string& what) { notices->Add(what); };
  return std::make_unique<ClientHandle>(Check(Client::Create(options)), notices);
}

}  // namespace

void BindClient(py::module_& m) {
  ServeLocalEndpoints();
  const ClientOptions defaults;
  py::class_<ClientHandle>(m, "Client")
      .def(py::init(&Connect), py::arg("endpoints"),
           py::arg("max_frame_bytes") = defaults.max_frame_bytes,
           py::arg("timeout") = absl::ToDoubleSeconds(defaults.timeout),
           py::arg("retry_timeout") = absl::ToDoubleSeconds(defaults.retry_timeout),
           py::arg("keepalive_time") = absl::ToDoubleSeconds(defaults.keepalive_time),
           py::arg("keepalive_timeout") = absl::ToDoubleSeconds(defaults.keepalive_timeout),
           py::arg("compact") = false, py::arg("use_proxy") = true, py::arg("shared_memory") = true,
           py::arg("security") = std::map<std::string, std::string>(), py::arg("spread") = true)
      .def("take_notices", &ClientHandle::TakeNotices)
      .def("list_datasets",
           [](const ClientHandle& self) {
             return Blocking([&client = self.Get()] { return client.ListDatasets(); });
           })
      .def("server_info",
           [](const ClientHandle& self) {
             const ServerInfo info =
                 Blocking([&client = self.Get()] { return client.GetServerInfo(); });
             py::dict fields;
             fields["version"] = info.version;
             fields["algorithm_versions"] = info.algorithm_versions;
             fields["store"] = info.store;
             fields["storage_format"] = info.storage_format;
             fields["features"] = info.features;
             return fields;
           })
      .def(
          "get_dataset",
          [](const ClientHandle& self, const std::string& dataset) {
            return Blocking([&, &client = self.Get()] { return client.GetDataset(dataset); });
          },
          py::arg("dataset"))
      .def(
          "delete_version",
          [](const ClientHandle& self, const std::string& name, int64_t version) {
            Blocking([&, &client = self.Get()] { return client.DeleteVersion(name, version); });
          },
          py::arg("name"), py::arg("version"))
      .def(
          "estimate_options",
          [](const ClientHandle& self, const std::string& dataset, int64_t batch_size,
             const Selection& selection, int64_t sample_limit) {
            return Blocking([&, &client = self.Get()] {
              return client.EstimateSizes(dataset, batch_size, selection, sample_limit);
            });
          },
          py::arg("dataset"), py::arg("batch_size"), py::arg("selection"), py::arg("sample_limit"))
      .def(
          "estimate",
          [](const ClientHandle& self, const std::string& dataset, const BatchSpec& spec,
             uint64_t seed, int64_t epoch, double quantile, int64_t sample_limit) {
            const SizeEstimateRequest estimate{.dataset = dataset,
                                               .spec = spec,
                                               .seed = seed,
                                               .epoch = epoch,
                                               .quantile = quantile,
                                               .sample_limit = sample_limit};
            return Blocking([&, &client = self.Get()] { return client.EstimateSizes(estimate); });
          },
          py::arg("dataset"), py::arg("spec"), py::arg("seed"), py::arg("epoch") = 0,
          py::arg("quantile") = 1.0, py::arg("sample_limit") = 0)
      .def(
          "choose_sizes",
          [](const ClientHandle& self, const std::string& dataset, const BatchSpec& spec,
             const std::string& limit, int64_t at_most) {
            const SizeTarget target{.limit = ValueOf<SizeLimit>("limit", limit),
                                    .at_most = at_most};
            return Blocking(
                [&, &client = self.Get()] { return client.ChooseSizes(dataset, spec, target); });
          },
          py::arg("dataset"), py::arg("spec"), py::arg("limit"), py::arg("at_most"))
      .def(
          "compare_plans",
          [](const ClientHandle& self, StreamOptions options, int64_t epoch,
             const std::string& limit, int64_t at_most) {
            options.start_epoch = epoch;
            std::optional<SizeTarget> target;
            if (!limit.empty()) {
              target = {.limit = ValueOf<SizeLimit>("limit", limit), .at_most = at_most};
            }
            const PlanComparison comparison = Blocking(
                [&, &client = self.Get()] { return ComparePlans(client, options, target); });
            std::string recommended;
            if (comparison.recommended.has_value())
              recommended = std::string(NameOf(*comparison.recommended));
            return py::make_tuple(comparison.plans, recommended);
          },
          py::arg("options"), py::arg("epoch") = 0, py::arg("limit") = "", py::arg("at_most") = 0)
      .def(
          "partition",
          [](const ClientHandle& self, const std::string& dataset, int64_t num_parts, uint64_t seed,
             const std::string& column) {
            return Blocking([&, &client = self.Get()] {
              return client.Partition(dataset, num_parts, seed, column);
            });
          },
          py::arg("dataset"), py::arg("num_parts"), py::arg("seed") = 0,
          py::arg("column") = "partition")
      .def(
          "describe_plan",
          [](const ClientHandle& self, StreamOptions options, int64_t epoch) {
            options.start_epoch = epoch;
            return Blocking([&, &client = self.Get()] { return client.DescribePlan(options); });
          },
          py::arg("options"), py::arg("epoch") = 0)
      .def(
          "get_batch",
          [](const ClientHandle& self, const StreamOptions& options, int64_t epoch,
             int64_t ordinal) {
            GetBatchResult result = Blocking(
                [&, &client = self.Get()] { return client.GetBatch(options, epoch, ordinal); });
            py::dict strings;
            for (const auto& [name, values] : result.strings) {
              strings[py::str(name)] = py::cast(values);
            }
            return py::make_tuple(std::move(result.info), BatchHandle(std::move(result.batch)),
                                  std::move(strings));
          },
          py::arg("options"), py::arg("epoch"), py::arg("ordinal"))
      .def(
          "stream_batches",
          [](const ClientHandle& self, const StreamOptions& options) {
            return std::make_unique<StreamHandle>(
                Blocking([&, &client = self.Get()] { return client.StreamBatches(options); }));
          },
          py::arg("options"))
      .def(
          "report_worker",
          [](const ClientHandle& self, const py::dict& fields) {
            const WorkerReport report = WorkerReportFrom(fields);
            Blocking([&, &client = self.Get()] { return client.ReportWorker(report); });
          },
          py::arg("report"))
      .def("list_workers",
           [](const ClientHandle& self) {
             py::list workers;
             for (const WorkerStatus& status :
                  Blocking([&client = self.Get()] { return client.ListWorkers(); })) {
               workers.append(ToDict(status));
             }
             return workers;
           })
      .def(
          "ingest",
          [](const ClientHandle& self, const PyIngestSpec& spec) {
            const IngestSpec resolved = spec.Resolve();
            return std::make_unique<IngestHandle>(
                Blocking([&, &client = self.Get()] { return client.Ingest(resolved); }));
          },
          py::arg("spec"));
}

}  // namespace graphfeed::python
