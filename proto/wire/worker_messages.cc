#include "proto/wire/worker_messages.h"

#include <cmath>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/frame/worker_fields.h"
#include "proto/wire/enums.h"
#include "proto/wire/limits.h"
#include "proto/wire/message_fields.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

// Also those of Latin-1, which UTF-8 writes as two bytes: names are shown on terminals.
bool HasControls(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

absl::Status CheckName(absl::string_view field, absl::string_view name, size_t max_bytes) {
  if (name.size() > max_bytes) {
    return FieldError(field, absl::StrCat(name.size(), " bytes; at most ", max_bytes));
  }
  if (HasControls(name)) return FieldError(field, "a control character");
  return absl::OkStatus();
}

// Counters, positions and times: none is negative.
absl::Status CheckNumber(absl::string_view field, int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value, "; at least 0"));
}

absl::Status CheckNumber(absl::string_view field, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return FieldError(field, absl::StrCat(value, "; finite, at least 0"));
}

template <typename Number>
absl::Status CheckMap(absl::string_view field, const std::map<std::string, Number>& entries) {
  if (entries.size() > kMaxWorkerEntries) {
    return FieldError(field, absl::StrCat(entries.size(), " entries; at most ", kMaxWorkerEntries));
  }
  for (const auto& [key, value] : entries) {
    GF_RETURN_IF_ERROR(CheckName(absl::StrCat("a key of ", field), key, kMaxWorkerKeyBytes));
    GF_RETURN_IF_ERROR(CheckNumber(absl::StrCat(field, "[\"", key, "\"]"), value));
  }
  return absl::OkStatus();
}

absl::Status CheckHistogram(absl::string_view field, const std::vector<int64_t>& buckets) {
  constexpr size_t kBuckets = kStepSecondsBounds.size() + 1;
  if (!buckets.empty() && buckets.size() != kBuckets) {
    return FieldError(field, absl::StrCat(buckets.size(), " buckets; ", kBuckets, ", or none"));
  }
  for (size_t i = 0; i < buckets.size(); ++i) {
    GF_RETURN_IF_ERROR(CheckNumber(absl::StrCat(field, "[", i, "]"), buckets[i]));
  }
  return absl::OkStatus();
}

struct CheckField {
  absl::Status& status;

  void operator()(const char* /*name*/, bool /*value*/) {}
  void operator()(const char* name, const std::string& value) {
    status.Update(CheckName(name, value, kMaxWorkerNameBytes));
  }
  void operator()(const char* name, int64_t value) { status.Update(CheckNumber(name, value)); }
  void operator()(const char* name, double value) {
    if (absl::string_view(name) != "loss") status.Update(CheckNumber(name, value));
  }
  void operator()(const char* name, const std::vector<int64_t>& value) {
    status.Update(CheckHistogram(name, value));
  }
  template <typename Number>
  void operator()(const char* name, const std::map<std::string, Number>& value) {
    status.Update(CheckMap(name, value));
  }
};

absl::Status CheckReport(const WorkerReport& report) {
  absl::Status status;
  ForEachField(report, CheckField{status});
  GF_RETURN_IF_ERROR(status);
  if (report.worker.empty()) return FieldError("worker", "not set");
  if (report.sequence < 1) {
    return FieldError("sequence", absl::StrCat(report.sequence, "; at least 1"));
  }
  if (report.interval_ms < 1 || report.interval_ms > kMaxReportIntervalMs) {
    return FieldError("interval_ms",
                      absl::StrCat(report.interval_ms, "; 1 to ", kMaxReportIntervalMs));
  }
  if (report.num_shards < 1) {
    return FieldError("num_shards", absl::StrCat(report.num_shards, "; at least 1"));
  }
  if (report.shard_index >= report.num_shards) {
    return FieldError("shard_index",
                      absl::StrCat(report.shard_index, "; num_shards is ", report.num_shards));
  }
  for (const auto& [field, value] :
       {std::pair("epoch", report.epoch), std::pair("ordinal", report.ordinal)}) {
    if (value > kMaxEpoch) return FieldError(field, absl::StrCat(value, "; 0 to ", kMaxEpoch));
  }
  return absl::OkStatus();
}

}  // namespace

v1::WorkerReport ToProto(const WorkerReport& report) {
  v1::WorkerReport message;
  FieldWriter write(message);
  ForEachField(report, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::vector<int64_t>>) {
      CopyTo(value, message.mutable_step_seconds());
    } else {
      write(name, value);
    }
  });
  return message;
}

absl::StatusOr<WorkerReport> FromProto(const v1::WorkerReport& message) {
  // Before they are copied.
  for (const auto& [field, entries] : {std::pair("batches", message.batches_size()),
                                       std::pair("stage_seconds", message.stage_seconds_size()),
                                       std::pair("device_errors", message.device_errors_size())}) {
    if (static_cast<size_t>(entries) > kMaxWorkerEntries) {
      return FieldError(field, absl::StrCat(entries, " entries; at most ", kMaxWorkerEntries));
    }
  }
  WorkerReport report;
  FieldReader read(message);
  ForEachField(report, [&](const char* name, auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::vector<int64_t>>) {
      value.assign(message.step_seconds().begin(), message.step_seconds().end());
    } else {
      read(name, value);
    }
  });
  GF_RETURN_IF_ERROR(read.status());
  GF_RETURN_IF_ERROR(CheckReport(report));
  return report;
}

v1::WorkerStatus ToProto(const WorkerStatus& status) {
  v1::WorkerStatus message;
  *message.mutable_report() = ToProto(status.report);
  message.set_age_ms(status.age_ms);
  message.set_gone(status.gone);
  message.set_steps_per_second(status.steps_per_second);
  message.set_data_stall_share(status.data_stall_share);
  return message;
}

absl::StatusOr<WorkerStatus> FromProto(const v1::WorkerStatus& message) {
  WorkerStatus status;
  GF_ASSIGN_OR_RETURN(status.report, FromProto(message.report()));
  status.age_ms = message.age_ms();
  status.gone = message.gone();
  status.steps_per_second = message.steps_per_second();
  status.data_stall_share = message.data_stall_share();
  GF_RETURN_IF_ERROR(CheckNumber("age_ms", status.age_ms));
  GF_RETURN_IF_ERROR(CheckNumber("steps_per_second", status.steps_per_second));
  GF_RETURN_IF_ERROR(CheckNumber("data_stall_share", status.data_stall_share));
  return status;
}

absl::StatusOr<ReportRequest> ParseRequest(const v1::ReportWorkerMetricsRequest& message) {
  ReportRequest request;
  if (!message.has_report()) return FieldError("report", "not set");
  GF_ASSIGN_OR_RETURN(request.report, FromProto(message.report()));
  if (message.has_last_taken()) {
    request.last_taken = message.last_taken();
    if (*request.last_taken < 0 || *request.last_taken > request.report.sequence) {
      return FieldError("last_taken", absl::StrCat(*request.last_taken, "; 0 to ",
                                                   request.report.sequence, ", the sequence"));
    }
  }
  return request;
}

}  // namespace graphfeed::wire
