#ifndef GRAPHFEED_TESTS_PROTO_WIRE_EXPECT_INVALID_H_
#define GRAPHFEED_TESTS_PROTO_WIRE_EXPECT_INVALID_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed::wire {

// INVALID_ARGUMENT whose message has `text`, which names the field.
inline void ExpectInvalid(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(text));
}

template <typename T>
void ExpectInvalid(const absl::StatusOr<T>& result, const std::string& text) {
  ExpectInvalid(result.status(), text);
}

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_TESTS_PROTO_WIRE_EXPECT_INVALID_H_
