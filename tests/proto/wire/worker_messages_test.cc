#include "proto/wire/worker_messages.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/proto/wire/expect_invalid.h"
#include "tests/support/worker_reports.h"

namespace graphfeed::wire {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

template <typename Change>
absl::Status ReportError(Change change) {
  v1::WorkerReport message = ToProto(FullReport());
  change(message);
  return FromProto(message).status();
}

TEST(WorkerReportMessageTest, EveryFieldGoesThereAndBack) {
  const v1::WorkerReport message = ToProto(FullReport());
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    EXPECT_TRUE(field->is_repeated() ? message.GetReflection()->FieldSize(message, field) > 0
                                     : message.GetReflection()->HasField(message, field))
        << field->name() << " is not written";
  }
  const auto report = FromProto(message);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(ToProto(*report), message));
  EXPECT_EQ(report->batches, FullReport().batches);
  EXPECT_EQ(report->step_seconds, FullReport().step_seconds);
}

TEST(WorkerReportMessageTest, RefusalsNameFieldValueAndLimit) {
  ExpectInvalid(ReportError([](auto& r) { r.clear_worker(); }), "worker: not set");
  ExpectInvalid(ReportError([](auto& r) { r.set_worker(std::string(257, 'w')); }),
                "worker: 257 bytes; at most 256");
  ExpectInvalid(ReportError([](auto& r) { r.set_job("\x1b[2J"); }), "job: a control character");
  ExpectInvalid(ReportError([](auto& r) { r.set_model("\xc2\x9b"); }),
                "model: a control character");
  ExpectInvalid(ReportError([](auto& r) { r.set_sequence(0); }), "sequence: 0; at least 1");
  ExpectInvalid(ReportError([](auto& r) { r.set_interval_ms(0); }),
                "interval_ms: 0; 1 to 86400000");
  ExpectInvalid(ReportError([](auto& r) { r.set_interval_ms(86400001); }), "86400001; 1 to");
  ExpectInvalid(ReportError([](auto& r) { r.set_num_shards(0); }), "num_shards: 0; at least 1");
  ExpectInvalid(ReportError([](auto& r) { r.set_shard_index(2); }),
                "shard_index: 2; num_shards is 2");
  ExpectInvalid(ReportError([](auto& r) { r.set_epoch(INT64_MAX); }),
                "epoch: 9223372036854775807; 0 to 9007199254740992");
  ExpectInvalid(ReportError([](auto& r) { r.set_ordinal(-1); }), "ordinal: -1; at least 0");
}

TEST(WorkerReportMessageTest, CountersAreFiniteAndNotNegative) {
  ExpectInvalid(ReportError([](auto& r) { r.set_steps(-3); }), "steps: -3; at least 0");
  ExpectInvalid(ReportError([](auto& r) { r.set_data_stall_seconds(kNotANumber); }),
                "data_stall_seconds: nan; finite, at least 0");
  ExpectInvalid(ReportError([](auto& r) { r.set_step_seconds_sum(HUGE_VAL); }),
                "step_seconds_sum: inf; finite");
  ExpectInvalid(ReportError([](auto& r) { (*r.mutable_batches())["ok"] = -1; }),
                "batches[\"ok\"]: -1; at least 0");
  ExpectInvalid(ReportError([](auto& r) { (*r.mutable_stage_seconds())["stage"] = kNotANumber; }),
                "stage_seconds[\"stage\"]: nan");
  ExpectInvalid(ReportError([](auto& r) { r.set_step_seconds(3, -1); }),
                "step_seconds[3]: -1; at least 0");
  // The loss is no counter: that it is not finite is worth knowing.
  EXPECT_TRUE(ReportError([](auto& r) { r.set_loss(kNotANumber); }).ok());
}

TEST(WorkerReportMessageTest, ListsAreBounded) {
  ExpectInvalid(ReportError([](auto& r) {
                  for (int i = 0; i < 33; ++i) (*r.mutable_device_errors())[std::to_string(i)] = 1;
                }),
                "device_errors: 3");
  ExpectInvalid(ReportError([](auto& r) { (*r.mutable_batches())[std::string(65, 'k')] = 1; }),
                "a key of batches: 65 bytes; at most 64");
  ExpectInvalid(ReportError([](auto& r) { r.add_step_seconds(1); }),
                "step_seconds: 18 buckets; 17, or none");
  EXPECT_TRUE(ReportError([](auto& r) { r.clear_step_seconds(); }).ok());
}

TEST(WorkerReportMessageTest, WhatWasTakenIsNotAheadOfTheReport) {
  v1::ReportWorkerMetricsRequest message;
  ExpectInvalid(ParseRequest(message), "report: not set");
  *message.mutable_report() = ToProto(FullReport());
  const int64_t sequence = FullReport().sequence;
  auto request = ParseRequest(message);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->last_taken, std::nullopt);
  message.set_last_taken(sequence);
  request = ParseRequest(message);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->last_taken, sequence);
  message.set_last_taken(sequence + 1);
  ExpectInvalid(ParseRequest(message), "last_taken: ");
}

TEST(WorkerStatusMessageTest, GoesThereAndBack) {
  const WorkerStatus status{.report = FullReport(),
                            .age_ms = 1500,
                            .gone = true,
                            .steps_per_second = 12.5,
                            .data_stall_share = 0.25};
  const auto back = FromProto(ToProto(status));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->report.worker, status.report.worker);
  EXPECT_EQ(back->age_ms, 1500);
  EXPECT_TRUE(back->gone);
  EXPECT_EQ(back->steps_per_second, 12.5);
  EXPECT_EQ(back->data_stall_share, 0.25);
  v1::WorkerStatus message = ToProto(status);
  message.set_age_ms(-1);
  ExpectInvalid(FromProto(message), "age_ms: -1; at least 0");
}

}  // namespace
}  // namespace graphfeed::wire
