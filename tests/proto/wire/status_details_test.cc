#include "proto/wire/status_details.h"

#include "graphfeed/v1/error.pb.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"

namespace graphfeed::wire {
namespace {

const absl::Status kBare = absl::UnavailableError("go on elsewhere");

TEST(StatusDetailsTest, DetailsComeBackAsTheyWere) {
  for (const StreamEnd end : {StreamEnd::kAge, StreamEnd::kIdle, StreamEnd::kDrain}) {
    const absl::Status status = WithRetryDelay(WithStreamEnd(kBare, end), absl::Milliseconds(2500));
    const absl::Status read = DecodeStatusDetails(kBare, EncodeStatusDetails(status));
    EXPECT_EQ(StreamEndOf(read), end);
    EXPECT_EQ(RetryDelayOf(read), absl::Milliseconds(2500));
    EXPECT_EQ(read.code(), kBare.code());
    EXPECT_EQ(read.message(), kBare.message());
  }
}

TEST(StatusDetailsTest, WithoutDetailsThereAreNoBytes) {
  EXPECT_EQ(EncodeStatusDetails(kBare), "");
  EXPECT_EQ(DecodeStatusDetails(kBare, ""), kBare);
}

TEST(StatusDetailsTest, OthersReadThemAsGoogleRpcStatus) {
  const std::string bytes = EncodeStatusDetails(WithStreamEnd(kBare, StreamEnd::kAge));
  // google.rpc.Status: code 14, the message, an Any.
  EXPECT_EQ(bytes.substr(0, 4), std::string("\x08\x0e\x12\x0f"));
  EXPECT_NE(bytes.find("type.googleapis.com/google.rpc.ErrorInfo"), bytes.npos);
  EXPECT_NE(bytes.find("\x0a\x0aSTREAM_AGE\x12\x09graphfeed"), bytes.npos);
}

TEST(StatusDetailsTest, WhatCannotBeReadIsLeftOut) {
  const std::string good = EncodeStatusDetails(WithStreamEnd(kBare, StreamEnd::kAge));
  EXPECT_EQ(DecodeStatusDetails(kBare, good.substr(0, good.size() - 1)), kBare);
  v1::ErrorStatus other;
  v1::ErrorStatus::Detail& detail = *other.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  v1::ErrorInfo info;
  info.set_reason("STREAM_AGE");
  info.set_domain("example.com");  // somebody else's word
  detail.set_value(info.SerializeAsString());
  other.add_details()->set_type_url("type.googleapis.com/google.rpc.Help");
  EXPECT_EQ(DecodeStatusDetails(kBare, other.SerializeAsString()), kBare);
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(-5);
  detail.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  detail.set_value(retry.SerializeAsString());
  EXPECT_EQ(RetryDelayOf(DecodeStatusDetails(kBare, other.SerializeAsString())),
            absl::ZeroDuration());
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  detail.set_value(retry.SerializeAsString());
  EXPECT_EQ(RetryDelayOf(DecodeStatusDetails(kBare, other.SerializeAsString())), absl::Hours(24));
}

}  // namespace
}  // namespace graphfeed::wire
