// Work that nobody waits for ends: within a second of its callers' going, and at a shutdown. A
// second is one of the server's own time, which does not pass while a machine that is busy runs
// others.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/integration/request_calls.h"
#include "tests/integration/request_limits.h"

namespace graphfeed {
namespace {

class LongWorkTest : public RequestLimitsTest {
 protected:
  // A ring with chords: 5,000 nodes, 100,000 edges.
  void StartWithGraph() {
    Start({"--drain-timeout", "3s", "--build-threads", "1"});
    std::vector<int32_t> ends;
    for (int32_t node = 0; node < 5000; ++node) {
      for (int32_t j = 1; j <= 20; ++j) {
        ends.push_back((node + j * j) % 5000);
        ends.push_back(node);
      }
    }
    const absl::Status status = SendIngest(*stub_, EdgesOnly("ring", 5000, ends));
    ASSERT_TRUE(status.ok()) << status;
  }
  static v1::EstimateOptionsRequest Endless(int64_t k) {
    v1::EstimateOptionsRequest request;
    request.set_dataset("ring");
    request.set_sample_limit(1'000'000);
    v1::BatchSpec& spec = *request.mutable_spec();
    spec.set_strategy(v1::NEIGHBOR);
    spec.set_batch_size(64);
    spec.set_shuffle(true);
    v1::Sampling::Fanout& fanout = *spec.mutable_sampling()->add_num_neighbors();
    for (const int64_t count : {int64_t{-1}, int64_t{-1}, int64_t{-1}, k}) {
      fanout.add_num_neighbors(count);
    }
    return request;
  }
  // Both planning threads are given endless work; returns when the callers have gone.
  void AskAndGo() {
    std::vector<std::thread> callers;
    for (const int64_t k : {1, 2, 3}) {
      callers.emplace_back([this, k] {
        grpc::ClientContext context;
        context.set_deadline(After(2));
        v1::EstimateOptionsResponse response;
        EXPECT_EQ(stub_->EstimateOptions(&context, Endless(k), &response).error_code(),
                  grpc::StatusCode::DEADLINE_EXCEEDED);
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
};

TEST_F(LongWorkTest, WorkEndsWithinASecondOfItsCallersGoing) {
  StartWithGraph();
  AskAndGo();
  const absl::Duration before = server_->CpuTime();
  // The next to use the same threads is answered at once, not after minutes.
  v1::EstimateOptionsRequest request = Endless(1);
  request.set_sample_limit(1);
  grpc::ClientContext context;
  context.set_deadline(After(30));
  v1::EstimateOptionsResponse response;
  EXPECT_TRUE(stub_->EstimateOptions(&context, request, &response).ok());
  EXPECT_LT(server_->CpuTime() - before, absl::Seconds(3)) << "of two threads";
}

TEST_F(LongWorkTest, WhoStillWaitsGetsWhatOthersNoLongerWantToo) {
  StartWithGraph();
  v1::EstimateOptionsRequest request = Endless(1);
  request.set_sample_limit(1500);
  std::thread first([&] {
    grpc::ClientContext context;
    context.set_deadline(After(0.3));
    v1::EstimateOptionsResponse response;
    (void)stub_->EstimateOptions(&context, request, &response);
  });
  grpc::ClientContext context;
  v1::EstimateOptionsResponse response;
  const grpc::Status status = stub_->EstimateOptions(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.num_samples(), 1500);
  first.join();
}

TEST_F(LongWorkTest, TheDrainTimeoutHoldsForEstimates) {
  StartWithGraph();
  std::vector<std::thread> callers;
  std::atomic<int> cancelled = 0;
  for (const int64_t k : {1, 2, 3}) {
    callers.emplace_back([&, k] {
      grpc::ClientContext context;
      v1::EstimateOptionsResponse response;
      if (!stub_->EstimateOptions(&context, Endless(k), &response).ok()) ++cancelled;
    });
  }
  absl::SleepFor(absl::Seconds(1));
  const absl::Time start = absl::Now();
  EXPECT_EQ(server_->Terminate(absl::Seconds(30)), 0);
  EXPECT_LT(absl::Now() - start, absl::Seconds(25));
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(cancelled, 3);
  Start({});  // for the end of the test
}

TEST_F(LongWorkTest, ABatchIsGivenUpInTheMiddle) {
  StartWithGraph();
  // Trees of all that is within five hops: tens of millions of edges.
  v1::GetBatchRequest request;
  request.set_dataset("ring");
  request.set_seed(0);
  v1::BatchSpec& spec = *request.mutable_spec();
  spec.set_strategy(v1::NEIGHBOR);
  spec.set_batch_size(400);
  v1::Sampling& sampling = *spec.mutable_sampling();
  sampling.set_disjoint(true);
  v1::Sampling::Fanout& fanout = *sampling.add_num_neighbors();
  for (int hop = 0; hop < 5; ++hop) fanout.add_num_neighbors(-1);
  v1::FixedSizeOptions& options = *spec.mutable_options();
  options.add_num_nodes()->set_count(1000);
  options.add_num_edges()->set_count(1000);
  options.set_num_graphs(2);
  spec.set_over_size(v1::OVER_SIZE_TRIM_NODES_AND_EDGES);
  v1::GetBatchRequest little = request;
  little.mutable_spec()->mutable_sampling()->mutable_num_neighbors(0)->clear_num_neighbors();
  little.mutable_spec()->mutable_sampling()->mutable_num_neighbors(0)->add_num_neighbors(1);
  const auto get = [&](const v1::GetBatchRequest& asked, double seconds) {
    grpc::ClientContext context;
    context.set_deadline(After(seconds));
    v1::GetBatchResponse response;
    return ToStatus(stub_->GetBatch(&context, asked, &response));
  };
  const absl::Duration before = server_->CpuTime();
  absl::Status status = get(request, 120);
  ASSERT_TRUE(status.ok()) << status;
  const absl::Duration whole = server_->CpuTime() - before;
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    request.set_seed(seed);
    (void)get(request, 0.05);
    status = get(little, 120);  // by the same thread, when it is done with the other one
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_LT(server_->CpuTime() - before - whole, 2 * whole);
}

}  // namespace
}  // namespace graphfeed
