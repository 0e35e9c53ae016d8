#ifndef GRAPHFEED_TESTS_INTEGRATION_REQUEST_LIMITS_H_
#define GRAPHFEED_TESTS_INTEGRATION_REQUEST_LIMITS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/integration/request_calls.h"
#include "tests/support/server_program.h"

namespace graphfeed {

inline constexpr int64_t kMiB = int64_t{1} << 20;

// The program, asked by messages; it must be there at the end, and end soon when it is told to.
class RequestLimitsTest : public testing::Test {
 protected:
  void Start(std::vector<std::string> flags, std::optional<int64_t> address_space = {}) {
    server_ = std::make_unique<ServerProgram>(std::move(flags), address_space);
    stub_ = v1::GraphFeed::NewStub(NewChannel(server_->endpoint()));
  }
  void TearDown() override {
    EXPECT_TRUE(server_->Alive());
    EXPECT_EQ(server_->Terminate(absl::Seconds(30)), 0);
  }

  absl::Status List() {
    grpc::ClientContext context;
    context.set_deadline(After(20));
    v1::ListDatasetsResponse response;
    return ToStatus(stub_->ListDatasets(&context, {}, &response));
  }

  std::unique_ptr<ServerProgram> server_;
  std::unique_ptr<v1::GraphFeed::Stub> stub_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_INTEGRATION_REQUEST_LIMITS_H_
