// What a worker's client says beside its report, and lists that servers get wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/worker_messages.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Takes reports while `takes`, and lists workers in pages as it is told.
class WorkerCallsTest : public testing::Test {
 protected:
  WorkerCallsTest() {
    server_ = FakeServer::Start({{"ReportWorkerMetrics",
                                  [this](FakeCall& call) {
                                    v1::ReportWorkerMetricsRequest request;
                                    EXPECT_TRUE(request.ParseFromString(call.Read().value()));
                                    return Note(call, request);
                                  }},
                                 {"ListWorkers", [this](FakeCall& call) {
                                    call.Read();
                                    absl::MutexLock lock(&mu_);
                                    call.Write(page_.SerializeAsString());
                                    return absl::OkStatus();
                                  }}});
    client_ = NewClient();
  }

  std::unique_ptr<Client> NewClient() const {
    ClientOptions options;
    options.endpoints = {server_->endpoint()};
    options.retry_timeout = absl::ZeroDuration();
    return Client::Create(options).value();
  }

  absl::Status Note(FakeCall& call, const v1::ReportWorkerMetricsRequest& request) {
    absl::MutexLock lock(&mu_);
    if (!takes_) return absl::UnavailableError("draining");
    taken_.push_back(request.has_last_taken() ? std::optional(request.last_taken())
                                              : std::optional<int64_t>());
    call.Write(v1::ReportWorkerMetricsResponse().SerializeAsString());
    return absl::OkStatus();
  }
  void SetTakes(bool takes) {
    absl::MutexLock lock(&mu_);
    takes_ = takes;
  }
  std::vector<std::optional<int64_t>> taken() {
    absl::MutexLock lock(&mu_);
    return taken_;
  }

  std::string ListError(const std::vector<std::string>& names, bool more) {
    {
      absl::MutexLock lock(&mu_);
      page_.Clear();
      page_.set_more(more);
      for (const std::string& name : names) {
        *page_.add_workers() = wire::ToProto(WorkerStatus{.report = FullReport(name)});
      }
    }
    const auto workers = client_->ListWorkers();
    EXPECT_NE(workers.ok(), absl::IsDataLoss(workers.status())) << workers.status();
    return std::string(workers.status().message());
  }

  absl::Mutex mu_;
  bool takes_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<std::optional<int64_t>> taken_ ABSL_GUARDED_BY(mu_);
  v1::ListWorkersResponse page_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(WorkerCallsTest, EachReportSaysWhichWasTakenLast) {
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 1, 1)).ok());
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 2, 2)).ok());
  SetTakes(false);
  EXPECT_TRUE(absl::IsUnavailable(client_->ReportWorker(RunningReport("a", 3, 3))));
  SetTakes(true);
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 4, 4)).ok());
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 5, 5)).ok());
  EXPECT_THAT(taken(), ElementsAre(0, 1, 2, 4));
}

TEST_F(WorkerCallsTest, AFirstReportThatDidNotArriveIsNone) {
  SetTakes(false);
  EXPECT_FALSE(client_->ReportWorker(RunningReport("a", 1, 1)).ok());
  SetTakes(true);
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 2, 2)).ok());
  EXPECT_THAT(taken(), ElementsAre(0));
}

TEST_F(WorkerCallsTest, WorkersAndStartsAreToldApartAndWhoCameLaterSaysNothing) {
  ASSERT_TRUE(client_->ReportWorker(RunningReport("a", 1, 1)).ok());
  ASSERT_TRUE(client_->ReportWorker(RunningReport("b", 1, 1)).ok());
  WorkerReport restarted = RunningReport("a", 1, 1);
  restarted.start_ms += 1;
  ASSERT_TRUE(client_->ReportWorker(restarted).ok());
  // Another client of the worker's: it does not know what was reported before.
  ASSERT_TRUE(NewClient()->ReportWorker(RunningReport("b", 7, 7)).ok());
  EXPECT_THAT(taken(), ElementsAre(0, 0, 0, std::nullopt));
}

TEST_F(WorkerCallsTest, ListsThatCannotBeAreTheServersFault) {
  EXPECT_EQ(ListError({"a", "b"}, false), "");
  EXPECT_EQ(ListError({}, false), "");
  EXPECT_THAT(ListError({"b", "a"}, false), HasSubstr("worker \"a\" behind \"b\""));
  EXPECT_THAT(ListError({"a", "a"}, false), HasSubstr("worker \"a\" behind \"a\""));
  EXPECT_THAT(ListError({}, true), HasSubstr("lists nothing, and says that there is more"));
  // The same page for ever.
  EXPECT_THAT(ListError({"a", "b"}, true), HasSubstr("worker \"a\" behind \"b\""));
}

}  // namespace
}  // namespace graphfeed
